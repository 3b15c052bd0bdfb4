;; What Emacs' own package system reads of this directory.  -*- no-byte-compile: t -*-
(define-package "rbridge" "0.1.0" "Files of remote hosts as buffers, with no file on this machine"
  '((emacs "27.1")) :keywords '("files" "comm"))
