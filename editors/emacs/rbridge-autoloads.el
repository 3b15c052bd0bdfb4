;;; rbridge-autoloads.el --- what Emacs loads of rbridge at its start  -*- lexical-binding: t; no-byte-compile: t -*-

;; Activated by `package-activate-all' before the init file is read, so that the init file can still change it:
;; (remove-hook 'emacs-startup-hook #'rbridge-mode) leaves it off.

;;; Code:

(add-to-list 'load-path (directory-file-name (file-name-directory (or load-file-name buffer-file-name))))

(autoload 'rbridge-mode "rbridge" "Show files of remote hosts that `rbridge open' brings." t)
(autoload 'rbridge-diff "rbridge" "Show the host's text beside this buffer, and how they differ." t)
(autoload 'rbridge-resolve "rbridge" "Settle a conflict: `mine' goes to the host, or `theirs' comes here." t)
(autoload 'rbridge-status "rbridge" "How the current buffer stands on its host.")
(autoload 'rbridge-folder "rbridge" "Show the folder of a host that is open here." t)
(autoload 'rbridge-find-file "rbridge" "Open a file of the folder by some letters of its path." t)
(autoload 'rbridge-search "rbridge" "List where some text is in the files of the folder." t)
(autoload 'rbridge-new-file "rbridge" "Make an empty file in the folder, and open it." t)
(autoload 'rbridge-new-folder "rbridge" "Make a directory in the folder." t)
(autoload 'rbridge-rename "rbridge" "Give a file or directory of the folder another path." t)
(autoload 'rbridge-remove "rbridge" "Remove a file or directory of the folder, after a question." t)
(autoload 'rbridge-refresh "rbridge" "Read the folder anew." t)
(autoload 'rbridge-close-folder "rbridge" "Close the folder; its texts stay." t)

(unless noninteractive
  (if after-init-time (rbridge-mode) (add-hook 'emacs-startup-hook #'rbridge-mode)))

;;; rbridge-autoloads.el ends here
