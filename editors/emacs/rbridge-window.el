;;; rbridge-window.el --- Where a buffer is shown  -*- lexical-binding: t -*-

;;; Code:

(require 'seq)

(defun rbridge-window-frames ()
  "The frames that a person can see; a daemon has one beside them."
  (seq-remove (lambda (frame) (equal (terminal-name (frame-terminal frame)) "initial_terminal")) (frame-list)))

(defvar rbridge-window-typing 1 "Seconds after the last key of a text in which somebody still types.")

(defun rbridge-window--typing-p ()
  "Whether the user types into something else right now: keys must not land in a text that has just come."
  (let ((idle (current-idle-time)))
    (or (bound-and-true-p isearch-mode)
        (and (memq last-command '(self-insert-command newline newline-and-indent org-self-insert-command))
             (or (null idle) (< (float-time idle) rbridge-window-typing))))))

(defun rbridge-window-show (buffer how)
  "Show BUFFER as HOW says, the parameters of buffer/open; `:beside' there: not in the window that is used now."
  (let* ((frame (car (memq (selected-frame) (rbridge-window-frames))))
         (quiet (or (plist-get how :keepFocus) (rbridge-window--typing-p)))
         (line (or (plist-get how :line) 0))
         (column (max 1 (or (plist-get how :column) 1)))
         window)
    (with-selected-frame (or frame (car (rbridge-window-frames)))
      (setq window
            (or (get-buffer-window buffer 'visible)
                (cond (quiet (display-buffer buffer '(nil (inhibit-same-window . t))))
                      ((plist-get how :beside)
                       (display-buffer buffer '((display-buffer-use-some-window display-buffer-pop-up-window)
                                                (inhibit-same-window . t))))
                      ((and (plist-get how :newWindow) (display-graphic-p))
                       (display-buffer buffer '(display-buffer-pop-up-frame)))
                      ((plist-get how :newWindow)
                       (display-buffer buffer '((display-buffer-pop-up-window) (inhibit-same-window . t))))
                      (t (display-buffer buffer '((display-buffer-same-window display-buffer-use-some-window
                                                   display-buffer-pop-up-window))))))))
    (when (> line 0)
      (with-current-buffer buffer
        (let ((place (save-excursion
                       (save-restriction
                         (widen)
                         (goto-char (point-min))
                         (forward-line (1- line))
                         (min (+ (point) (1- column)) (line-end-position))))))
          (unless (<= (point-min) place (point-max)) (widen))
          (push-mark nil t)
          (goto-char place)
          (when window (set-window-point window place)))))
    (when (and window (not quiet))
      (select-frame-set-input-focus (window-frame window))
      (select-window window))))

(provide 'rbridge-window)
;;; rbridge-window.el ends here
