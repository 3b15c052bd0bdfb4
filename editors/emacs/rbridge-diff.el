;;; rbridge-diff.el --- Two documents beside each other, with what differs  -*- lexical-binding: t -*-

;; What `rbridge diff A B' on their host shows.

;;; Code:

(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-window)
(require 'seq)

(declare-function diff-no-select "diff")

(defun rbridge-diff--differences (left right)
  "A buffer with how the buffers LEFT and RIGHT differ; `g' in it looks again."
  (let ((differences (get-buffer-create (format "%s <> %s" (buffer-name left) (buffer-name right))))
        (coding-system-for-write 'utf-8-emacs-unix)
        (coding-system-for-read 'utf-8-emacs-unix))
    (require 'diff)
    ;; Both texts go through a program: in memory, see `rbridge-document-equip'.
    (with-current-buffer differences (setq-local temporary-file-directory rbridge-link-directory))
    (diff-no-select left right nil t differences)
    (with-current-buffer differences
      (setq-local temporary-file-directory rbridge-link-directory)
      (setq-local revert-buffer-function
                  (lambda (&rest _)
                    (when (and (buffer-live-p left) (buffer-live-p right))
                      (rbridge-diff--differences left right)))))
    (dolist (one (list left right))
      (with-current-buffer one
        (add-hook 'kill-buffer-hook
                  (lambda () (when (buffer-live-p differences) (kill-buffer differences))) nil t)))
    differences))

(defun rbridge-diff-show (params answer)
  "Show the documents that PARAMS name, those of buffer/diff, beside each other, and call ANSWER."
  (let* ((of (lambda (side) (gethash (plist-get params side) rbridge-documents)))
         (left (funcall of :left))
         (right (funcall of :right)))
    (cond ((not (and left right))
           (funcall answer nil '(:code -32009 :message "one of them is not here any more")))
          ((null (rbridge-window-frames))
           (funcall answer nil '(:code -32603 :message "it has no window: emacsclient -c makes one")))
          (t
           (rbridge-diff--arrange (rbridge-document-buffer left) (rbridge-document-buffer right)
                                  (or (plist-get params :keepFocus) (rbridge-window--typing-p)))
           (funcall answer nil nil)))))

(defun rbridge-diff--arrange (left right quiet)
  "Show LEFT and RIGHT beside each other and how they differ below, RIGHT in front; QUIET: what is in front stays."
  (let ((differences (rbridge-diff--differences left right)))
    (with-selected-frame (or (car (memq (selected-frame) (rbridge-window-frames)))
                             (car (rbridge-window-frames)))
      (if quiet
          (display-buffer differences '(nil (inhibit-same-window . t)))
        (select-window (or (seq-find (lambda (one) (not (or (window-minibuffer-p one)
                                                            (window-parameter one 'window-side))))
                                     (cons (selected-window) (window-list)))
                           (selected-window)))
        (delete-other-windows)
        (set-window-buffer (selected-window) left)
        (let ((beside (split-window-right)) (below (split-window nil nil 'below)))
          (set-window-buffer beside right)
          (set-window-buffer below differences)
          (select-frame-set-input-focus (window-frame beside))
          (select-window beside))))))

(provide 'rbridge-diff)
;;; rbridge-diff.el ends here
