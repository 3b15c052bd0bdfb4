;;; rbridge-text.el --- Between a document's bytes and a buffer  -*- lexical-binding: t -*-

;; Each byte comes back as it came: a coding system is taken only where it gives the same bytes again.

;;; Code:

(require 'seq)
(require 'subr-x)

(defconst rbridge-text-chunk 100000
  "Characters or bytes of a part.
What a socket does not take at once Emacs offers again only every 20 ms: a part has to fit in its buffer.")

(defconst rbridge-text--strange "[^\0-\x10ffff]"
  "Matches what is no character of Unicode; of bytes that are no UTF-8 decoding leaves some.")

(defun rbridge-text--utf-8 (bytes)
  "The characters of BYTES, nil where they are no UTF-8."
  (let ((text (decode-coding-string bytes 'utf-8-unix)))
    (unless (string-match-p rbridge-text--strange text) text)))

;; Messages

(defun rbridge-text-join (parts)
  "The bytes of what PARTS carry, the messages of one text."
  (mapconcat (lambda (part)
               (if-let ((text (plist-get part :text)))
                   (encode-coding-string text 'utf-8-unix)
                 (base64-decode-string (or (plist-get part :base64) ""))))
             parts ""))

(defun rbridge-text-parts (bytes)
  "Functions without arguments, each for a message that carries a part of BYTES."
  (let* ((text (rbridge-text--utf-8 bytes))
         (whole (or text bytes))
         (of (max 1 (ceiling (length whole) (float rbridge-text-chunk)))))
    (mapcar (lambda (number)
              (lambda ()
                (let* ((from (* number rbridge-text-chunk))
                       (piece (substring whole from (min (length whole) (+ from rbridge-text-chunk)))))
                  `(,@(if text `(:text ,piece) `(:base64 ,(base64-encode-string piece t)))
                    ,@(when (> of 1) `(:chunk ,number :of ,of))))))
            (number-sequence 0 (1- of)))))

;; Buffers

(defun rbridge-text--codings (bytes utf-8)
  "The coding systems that BYTES may be in, the likeliest first.
UTF-8 is what they are in that one, or nil."
  (let* ((inhibit-iso-escape-detection t)
         (base (coding-system-base
                (cond ((not utf-8) (detect-coding-string bytes t))
                      ((string-prefix-p "\ufeff" utf-8) 'utf-8-with-signature)
                      (t 'utf-8))))
         (end (cond ((string-match-p "\r\n" bytes) 'dos)
                    ((string-match-p "\n" bytes) 'unix)
                    ((string-match-p "\r" bytes) 'mac))))
    (delq nil (list (and end (coding-system-change-eol-conversion base end))
                    (coding-system-change-eol-conversion base 'unix)
                    (and utf-8 'utf-8-unix)))))

(defun rbridge-text--decode (bytes)
  "The characters that a buffer shows for BYTES, and the coding system that makes BYTES of them again."
  (let ((utf-8 (rbridge-text--utf-8 bytes)))
    (cond ((and utf-8 (not (string-match-p "\\`\ufeff\\|\r" utf-8))) (cons utf-8 'utf-8-unix)) ; the usual case
          ((seq-some (lambda (coding)
                       (let ((text (decode-coding-string bytes coding)))
                         (and (or (eq coding 'utf-8-unix) (multibyte-string-p text))
                              (equal (encode-coding-string text coding) bytes)
                              (cons text coding))))
                     (rbridge-text--codings bytes utf-8)))
          (t (cons (string-to-multibyte bytes) 'raw-text-unix)))))

(defun rbridge-text--coding ()
  "The coding system that the current buffer is written in."
  (let ((coding (or buffer-file-coding-system 'undecided)))
    (if (eq (coding-system-type coding) 'undecided)
        (coding-system-change-text-conversion coding 'utf-8)
      coding)))

(defun rbridge-text-fail (format &rest arguments)
  "Signal `user-error' with FORMAT and ARGUMENTS.
From a function without a name: Emacs would show the name before the line."
  (let ((words (apply #'format format arguments)))
    (funcall (lambda () (signal 'user-error (list (concat "rbridge: " words)))))))

(defun rbridge-text-encode ()
  "The bytes of the current buffer.
Signals `user-error' where its coding system lacks a character of it."
  (let ((coding (rbridge-text--coding)))
    (save-restriction
      (widen)
      (unless (memq (coding-system-type coding) '(utf-8 raw-text))
        (when-let ((place (unencodable-char-position (point-min) (point-max) coding)))
          (rbridge-text-fail
           "%s is not saved: it has characters that %s lacks, as in line %d; C-x RET f utf-8 changes that"
           (buffer-name) (coding-system-base coding) (line-number-at-pos place))))
      (encode-coding-string (buffer-substring-no-properties (point-min) (point-max)) coding t))))

(defvar rbridge-text--time 0 "Goes up with each text that a buffer has in common with its host.")

(defun rbridge-text-clean ()
  "The current buffer is as it is on its host: undo that leads to an older text marks it as modified."
  (set-buffer-modified-p nil)
  (setq rbridge-text--time (1+ rbridge-text--time))
  (set-visited-file-modtime (list 0 rbridge-text--time)))

(defun rbridge-text-fill (bytes first)
  "Put BYTES into the current buffer, which is unmodified then.
FIRST: there is nothing to go back to.  Else only what differs is touched: point and marks stay with their text."
  (pcase-let ((`(,text . ,coding) (rbridge-text--decode bytes))
              (inhibit-read-only t)
              (buffer (current-buffer)))
    (save-restriction
      (widen)
      (if first
          (let ((buffer-undo-list t))
            (erase-buffer)
            (insert text)
            (goto-char (point-min)))
        (undo-boundary)
        (with-temp-buffer
          (insert text)
          (let ((fresh (current-buffer)))
            (with-current-buffer buffer (replace-buffer-contents fresh 1.0))))
        (undo-boundary)))
    (when first (setq buffer-undo-list nil))
    (setq buffer-file-coding-system coding)
    (rbridge-text-clean)))

(provide 'rbridge-text)
;;; rbridge-text.el ends here
