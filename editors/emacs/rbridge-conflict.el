;;; rbridge-conflict.el --- The host's file is another one than the text here stands on  -*- lexical-binding: t -*-

;; Compare, overwrite, reload.

;;; Code:

(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-save)
(require 'rbridge-text)
(require 'subr-x)

(declare-function diff-no-select "diff")

;; Asking the user

(defun rbridge-choose (prompt answers)
  "Ask PROMPT until one of ANSWERS is given, and return it; nil where the user gave none.
A whole word and RET, so that keys that were meant for a text give no answer."
  (discard-input)
  (let* ((completion-ignore-case t)
         (prompt (format "%s (%s) " prompt (string-join answers ", ")))
         (answer (condition-case nil (completing-read prompt answers nil t) (quit ""))))
    (setq last-command #'rbridge-choose) ; the answer's keys were typed into no text
    (car (member answer answers))))

(defun rbridge-confirm (prompt)
  "Ask PROMPT, and return whether it was answered by yes; keys that were meant for a text give no answer."
  (discard-input)
  (prog1 (let ((use-dialog-box nil)) ; where a timer asks, no key says that there is no mouse
           (condition-case nil (yes-or-no-p prompt) (quit nil)))
    (setq last-command #'rbridge-confirm)))

(defun rbridge-conflict-ask (document)
  "Ask what to do with DOCUMENT, which is in conflict; no answer leaves everything as it is."
  (rbridge-link-later
   (lambda ()
     (when (and (rbridge-document-live-p document) (not (rbridge-document-lost document)))
       (let ((choice (rbridge-choose (rbridge-document-words document "%n was changed on %h:")
                                     '("Compare" "Overwrite" "Reload"))))
         (with-current-buffer (rbridge-document-buffer document)
           (pcase choice
             ("Compare" (rbridge-diff))
             ("Overwrite" (rbridge-resolve "mine"))
             ("Reload" (rbridge-resolve "theirs")))))))))

;; Conflicts

(defun rbridge-conflict--compare (document bytes)
  "Show BYTES, the host's text of DOCUMENT, beside it, and how they differ below."
  (let* ((ours (rbridge-document-buffer document))
         (mode (buffer-local-value 'major-mode ours))
         (theirs (get-buffer-create (concat (buffer-name ours) " (on the host)")))
         (differences (get-buffer-create (concat (buffer-name ours) " (differences)"))))
    (with-current-buffer theirs
      (let ((inhibit-read-only t)) (rbridge-text-fill bytes t))
      (let ((enable-local-variables nil) (enable-dir-local-variables nil)) (funcall mode))
      (setq-local temporary-file-directory rbridge-link-directory)
      (setq buffer-read-only t))
    (require 'diff)
    (with-current-buffer differences
      (setq-local temporary-file-directory rbridge-link-directory))
    (let ((coding-system-for-write 'utf-8-emacs-unix) (coding-system-for-read 'utf-8-emacs-unix))
      (diff-no-select theirs ours nil t differences))
    (with-current-buffer differences
      (setq-local temporary-file-directory rbridge-link-directory)
      (setq-local revert-buffer-function
                  (lambda (&rest _) (with-current-buffer ours (rbridge-diff)))))
    (with-current-buffer ours
      (dolist (one (list theirs differences))
        (add-hook 'kill-buffer-hook (lambda () (when (buffer-live-p one) (kill-buffer one))) nil t)))
    (pop-to-buffer-same-window ours)
    (display-buffer differences '((display-buffer-reuse-window display-buffer-below-selected)))
    (display-buffer theirs '((display-buffer-reuse-window display-buffer-in-direction) (direction . right)))))

(defun rbridge-diff ()
  "Show the host's text beside this buffer, and how they differ."
  (interactive)
  (let* ((document (rbridge-document-here))
         (show (lambda (bytes) (rbridge-link-later (lambda () (rbridge-conflict--compare document bytes))))))
    (rbridge-document-fetch
     document "buffer/theirs"
     (lambda (bytes _)
       (if bytes
           (funcall show bytes)
         (rbridge-document-fetch ; no conflict: what is there
          document "buffer/read"
          (lambda (bytes fault)
            (if bytes
                (funcall show bytes)
              (rbridge-document-say document "cannot compare %n: %s" (plist-get fault :message))))))))))

(defun rbridge-resolve (choose)
  "Settle the conflict of this buffer.
CHOOSE `mine': this text goes over the host's.  `theirs': the host's text comes here, this one is given up."
  (interactive (list (completing-read "Resolve with: " '("mine" "theirs") nil t)))
  (let ((document (rbridge-document-here)))
    (pcase choose
      ("mine" (rbridge-save t))
      ("theirs" (rbridge-conflict--theirs document))
      (_ (rbridge-text-fail "mine or theirs?")))))

(defun rbridge-conflict--theirs (document)
  "Give up what was written here of DOCUMENT for what the host has: that comes by buffer/changed."
  (rbridge-link-ask
   "buffer/resolve" (list :id (rbridge-document-id document) :choose "theirs")
   (lambda (_ fault)
     (cond ((null fault))
           ((/= (plist-get fault :code) rbridge-save-no-conflict)
            (rbridge-document-say document "cannot read %n again: %s" (plist-get fault :message)))
           (t
            (rbridge-document-reload
             document t
             (lambda (_ fault)
               (when fault
                 (rbridge-document-say document "cannot read %n again: %s" (plist-get fault :message))))))))))

(defun rbridge-conflict-revert (_ignore-auto noconfirm)
  "Read the text again from its host, for `revert-buffer'; NOCONFIRM: without a question."
  (let ((document (rbridge-document-here)))
    (when (or noconfirm
              (not (buffer-modified-p))
              (yes-or-no-p (rbridge-document-words document "Discard your changes of %n for what %h has? ")))
      (rbridge-conflict--theirs document))))

(provide 'rbridge-conflict)
;;; rbridge-conflict.el ends here
