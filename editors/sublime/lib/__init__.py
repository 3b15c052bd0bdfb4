"""What plugin.py is made of. Sublime Text loads no plug-ins from here, only the modules beside plugin.py."""
