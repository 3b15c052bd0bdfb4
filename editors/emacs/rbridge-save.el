;;; rbridge-save.el --- From \\[save-buffer] to the host's word  -*- lexical-binding: t -*-

;;; Code:

(require 'cl-lib)
(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-text)

(defgroup rbridge nil "Files of remote hosts as buffers." :group 'files :prefix "rbridge-")

(defcustom rbridge-wait 10
  "Seconds that saving waits for the host; then it goes on by itself."
  :type 'number)

(defconst rbridge-save--silent 0.3 "Seconds until it says that it waits.")
(defconst rbridge-save--look 0.05 "Seconds between looks whether it waits too long.")
(defconst rbridge-save--conflict -32011)
(defconst rbridge-save--uncertain -32012)
(defconst rbridge-save-no-conflict -32013)

(defvar rbridge-save-in-conflict #'ignore "Called with a document whose save met another text on its host.")

(defun rbridge-save--clean (document digest)
  "The host has the text of DOCUMENT with DIGEST, which may be the one in its buffer."
  (setf (rbridge-document-base document) digest
        (rbridge-document-sent document) nil
        (rbridge-document-state document) "clean"))

(defun rbridge-save--settle (document tick result fault)
  "What became of a text of DOCUMENT that was sent at TICK, as RESULT and FAULT say.
Returns nil, or what the user has to be told because it was not saved."
  (let ((outcome (and result (plist-get result :outcome))) (code (plist-get fault :code)))
    (cond ((member outcome '("saved" "sent"))
           (rbridge-save--clean document (plist-get result :base))
           (when (rbridge-document-live-p document)
             (with-current-buffer (rbridge-document-buffer document)
               (when (= tick (buffer-chars-modified-tick)) (rbridge-text-clean))))
           (rbridge-document-say document (if (equal outcome "saved") "%n saved on %h"
                                            "%n sent to %h, which confirms nothing"))
           nil)
          (outcome
           (let ((why (or (plist-get result :message) "")))
             (rbridge-document-say document "%s"
                                   (if (string= why "")
                                       (rbridge-document-words document "%n is kept here until %h is back")
                                     why)))
           nil)
          ((memq code (list rbridge-link-lost rbridge-save--uncertain))
           (rbridge-document-words document "%n: not known yet whether %h has it: %s" (plist-get fault :message)))
          (t
           (setf (rbridge-document-sent document) nil)
           (when (= code rbridge-save--conflict)
             (setf (rbridge-document-state document) "conflict")
             (funcall rbridge-save-in-conflict document))
           (rbridge-document-words document "%n is not saved on %h: %s" (plist-get fault :message))))))

(defun rbridge-save--send (document bytes tick force done)
  "Send BYTES, the text of DOCUMENT at TICK, after those that were sent before; FORCE: over the host's.
Each stands on the base that the last one left.  DONE is called with what `rbridge-save--settle' returns."
  (if (rbridge-document-saving document)
      (setf (rbridge-document-waiters document)
            (nconc (rbridge-document-waiters document)
                   (list (lambda () (rbridge-save--send document bytes tick force done)))))
    (setf (rbridge-document-saving document) t
          (rbridge-document-sent document) (secure-hash 'sha256 bytes))
    (rbridge-document-refresh document)
    (cl-labels ((next (parts)
                  (rbridge-link-ask
                   "buffer/write"
                   `(:id ,(rbridge-document-id document) :base ,(rbridge-document-base document)
                     ,@(when force '(:force t)) ,@(funcall (car parts)))
                   (lambda (result fault)
                     (if (and result (cdr parts))
                         (next (cdr parts))
                       (over result fault)))))
                (over (result fault)
                  (setf (rbridge-document-saving document) nil)
                  (let ((why (rbridge-save--settle document tick result fault))
                        (waiters (rbridge-document-waiters document)))
                    (rbridge-document-refresh document)
                    (setf (rbridge-document-waiters document) nil)
                    (mapc #'funcall waiters)
                    (funcall done why))))
      (next (rbridge-text-parts bytes)))))

(defun rbridge-save-arrived (document base)
  "A text of DOCUMENT that was kept or uncertain has arrived, if the host's has the digest BASE: whether it has."
  (when (and (rbridge-document-sent document) (not (rbridge-document-saving document))
             (equal base (rbridge-document-sent document)))
    (rbridge-save--clean document base)
    (when (rbridge-document-live-p document)
      (with-current-buffer (rbridge-document-buffer document)
        (when (equal base (ignore-errors (secure-hash 'sha256 (rbridge-text-encode))))
          (rbridge-text-clean))))
    (rbridge-document-say document "%n saved on %h")
    (rbridge-document-refresh document)
    t))

(defun rbridge-save--await (document over)
  "Wait until OVER returns true, while the user looks on.
Returns nil once it did, else why it was not waited for longer."
  (let* ((begun (float-time)) (said nil) (why nil) (rbridge-link-busy t) (inhibit-quit nil))
    (condition-case nil
        (while (not (or why (funcall over)))
          (rbridge-link-wait rbridge-save--look)
          (let ((waited (- (float-time) begun)))
            (cond ((> waited rbridge-wait) (setq why "%h does not answer"))
                  ((and (not said) (> waited rbridge-save--silent))
                   (setq said t)
                   (let ((message-log-max nil))
                     (rbridge-document-say document "saving %n on %h (C-g: do not wait)"))))))
      (quit (setq why "it goes on by itself")))
    why))

(defun rbridge-save (&optional force)
  "Write the current buffer on its host, and return when the host said what became of it.
FORCE: over another text there.  Returns t; signals `user-error' where it was not saved, and is not kept either."
  (let ((document rbridge-document))
    (cond ((rbridge-document-lost document)
           (rbridge-document-fail
            document "%n is not saved: it is not open on %h any more; C-x C-w writes a copy here"))
          ((not rbridge-link-ready)
           (rbridge-document-fail document "%n is not saved: rbridge is not running; the text stays here")))
    (let* ((bytes (rbridge-text-encode)) (over nil) (why nil)
           (slow (progn
                   (rbridge-save--send document bytes (buffer-chars-modified-tick) force
                                       (lambda (fault)
                                         (when (eq over 'left) (and fault (message "rbridge: %s" fault)))
                                         (setq over t why fault)))
                   (rbridge-save--await document (lambda () over)))))
      (cond (slow
             (setq over 'left)
             (rbridge-document-say document "%n not saved yet: %s" (rbridge-document-words document slow)))
            (why (rbridge-document-fail document "%s" why)))
      t)))

(provide 'rbridge-save)
;;; rbridge-save.el ends here
