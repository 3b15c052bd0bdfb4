;;; rbridge-path.el --- Names in a folder: as they are, as messages say them, as they are shown  -*- lexical-binding: t -*-

;; A path is relative to its folder's root.  Here it is a string with the characters that it has, and raw bytes where
;; it is no UTF-8.

;;; Code:

(require 'seq)

(defconst rbridge-path--odd "[\0-\x1f\x7f]\\|[^\0-\x10ffff]" "Matches what makes a name be said percent-encoded.")

(defun rbridge-path-bytes (path)
  "The bytes of PATH."
  (encode-coding-string path 'utf-8-unix))

(defun rbridge-path-heard (said encoded)
  "The path that a message has as SAID; ENCODED: percent-encoded."
  (if (not encoded)
      said
    (let* ((bytes (replace-regexp-in-string
                   "%[[:xdigit:]]\\{2\\}"
                   (lambda (found) (unibyte-string (string-to-number (substring found 1) 16)))
                   (rbridge-path-bytes said) t t))
           (text (decode-coding-string bytes 'utf-8-unix)))
      (if (equal (rbridge-path-bytes text) bytes) text (string-to-multibyte bytes)))))

(defun rbridge-path-all-heard (message)
  "The paths of MESSAGE: those in its `:paths', then those in its `:encoded'."
  (append (plist-get message :paths)
          (mapcar (lambda (said) (rbridge-path-heard said t)) (plist-get message :encoded))))

(defun rbridge-path--encode (path)
  "PATH percent-encoded."
  (replace-regexp-in-string "[^A-Za-z0-9._~/-]" (lambda (found) (format "%%%02X" (aref found 0)))
                            (rbridge-path-bytes path) t t))

(defun rbridge-path-uri (host path &optional id)
  "The URI of PATH on HOST, with ID where it is that of a document."
  (concat "rbridge://" (replace-regexp-in-string "/" "%2F" (rbridge-path--encode host)) (rbridge-path--encode path)
          (if id (concat "?" id) "")))

(defun rbridge-path-say (&rest names)
  "The parameters NAMES, a plist with paths, as a message has them."
  (if (seq-some (lambda (one) (and (stringp one) (string-match-p rbridge-path--odd one))) names)
      `(,@(mapcar (lambda (one) (if (stringp one) (rbridge-path--encode one) one)) names) :encoded t)
    names))

(defun rbridge-path-say-all (paths)
  "The parameters of a message that has PATHS, a list."
  (let ((odd (seq-filter (lambda (path) (string-match-p rbridge-path--odd path)) paths)))
    `(:paths ,(vconcat (seq-difference paths odd))
      ,@(when odd (list :encoded (vconcat (mapcar #'rbridge-path--encode odd)))))))

(defun rbridge-path--printable-p (char)
  "Whether CHAR is one that can be seen, and moves nothing."
  (and (<= char #x10ffff)
       (or (<= ?\s char ?~)
           (not (memq (get-char-code-property char 'general-category) '(Cc Cf Cs Co Cn Zl Zp Zs))))))

(defun rbridge-path--map (function path)
  "PATH with what FUNCTION returns for each character that cannot be seen."
  (if (string-match-p "\\`[ -~]*\\'" path)
      path
    (mapconcat (lambda (char) (if (rbridge-path--printable-p char) (string char) (funcall function char)))
               path "")))

(defun rbridge-path-plain-p (path)
  "Whether PATH is shown as it is."
  (equal path (rbridge-path-cleaned path)))

(defun rbridge-path-shown (path)
  "PATH, or any other text of a host, in one line that does nothing to a screen."
  (rbridge-path--map
   (lambda (char)
     (propertize (cond ((> char #x10ffff) (format "\\%o" (logand char 255)))
                       ((< char ?\s) (format "^%c" (+ char 64)))
                       ((= char 127) "^?")
                       (t (format "\\u%04X" char)))
                 'face 'escape-glyph))
   path))

(defun rbridge-path-cleaned (path)
  "PATH as the daemon says it where it is only shown."
  (rbridge-path--map (lambda (_) "\ufffd") path))

(defun rbridge-path-above (path)
  "The directory that PATH is in; empty for the folder itself."
  (if (string-match "/[^/]*\\'" path) (substring path 0 (match-beginning 0)) ""))

(defun rbridge-path-below-p (path directory)
  "Whether PATH is DIRECTORY or is in it."
  (or (equal path directory) (equal directory "") (string-prefix-p (concat directory "/") path)))

(provide 'rbridge-path)
;;; rbridge-path.el ends here
