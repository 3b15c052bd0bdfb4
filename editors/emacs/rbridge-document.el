;;; rbridge-document.el --- The documents that are open here, each in a buffer  -*- lexical-binding: t -*-

;; A document's buffer has no `buffer-file-name': nothing of it is locked, saved automatically or backed up, and no
;; package takes it for a file of this machine.

;;; Code:

(require 'cl-lib)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'rbridge-text)
(require 'seq)
(require 'subr-x)

(cl-defstruct (rbridge-document (:copier nil))
  "A file of a host.  STATE and MESSAGE are the daemon's word; SENT is the digest of a text that was written and not
heard of yet; SAVING: one is on its way; WAITERS go on when that is over; LOST: the daemon does not know it any more.
SERVERS are its language servers, a symbol where they are asked for or there are none; they call its language
LANGUAGE-ID."
  id uri host path name language wait base sent saving waiters lost buffer servers language-id
  (state "clean") (message "") (connected t))

(defvar rbridge-documents (make-hash-table :test #'equal) "Those that the daemon knows, by id.")

(defvar-local rbridge-document nil "The document of this buffer, nil in other buffers.")
(put 'rbridge-document 'permanent-local t)

(defvar rbridge-buffer-map (make-sparse-keymap) "Keys in the buffers of documents.")

(defvar rbridge-buffer-hook nil
  "Hook run in the buffer of a document when it is made, and whenever its major mode was changed.")

(defvar rbridge-document-leave-hook nil
  "Hook run in the buffer of a document before that is none any more, or has another name.")

(defconst rbridge-document--stale -32011)

(defun rbridge-document-made (params)
  "A document as the PARAMS of `buffer/open' say."
  (let ((path (or (plist-get params :path) "")))
    (make-rbridge-document
     :id (plist-get params :id) :uri (plist-get params :uri) :host (plist-get params :host)
     :path (if (string= path "") (plist-get params :name) path)
     :name (if (string= path "") (plist-get params :name) (file-name-nondirectory (directory-file-name path)))
     :language (plist-get params :language))))

(defun rbridge-document-live-p (document)
  "Whether DOCUMENT has a buffer."
  (buffer-live-p (rbridge-document-buffer document)))

(defun rbridge-document-modified-p (document)
  "Whether DOCUMENT has changes that its host lacks."
  (and (rbridge-document-live-p document) (buffer-modified-p (rbridge-document-buffer document))))

(defun rbridge-document-list ()
  "The documents that the daemon knows."
  (hash-table-values rbridge-documents))

(defun rbridge-document-here ()
  "The document of the current buffer.  Signals `user-error' if there is none, or the daemon does not know it."
  (if (and rbridge-document (not (rbridge-document-lost rbridge-document)))
      rbridge-document
    (rbridge-text-fail "this is no text of a host, or not open there any more")))

(defun rbridge-document-stands (document)
  "In a word or two, how DOCUMENT stands."
  (cond ((rbridge-document-lost document) "closed")
        ((not rbridge-link-ready) "no rbridge")
        ((equal (rbridge-document-state document) "conflict") "conflict")
        ((rbridge-document-saving document) "saving")
        ((rbridge-document-sent document) "waiting")
        ((not (rbridge-document-connected document)) "not connected")
        ((rbridge-document-modified-p document) "modified")
        (t "saved")))

(defun rbridge-document-say (document format &rest arguments)
  "Tell the user of DOCUMENT what FORMAT and ARGUMENTS say; its %n and %h are the names of it and of its host."
  (message "rbridge: %s" (apply #'rbridge-document-words document format arguments)))

(defun rbridge-document-words (document format &rest arguments)
  "FORMAT with ARGUMENTS, its %n and %h being the names of DOCUMENT and of its host."
  (apply #'format
         (replace-regexp-in-string
          "%[nh]"
          (lambda (found)
            (replace-regexp-in-string "%" "%%" (if (equal found "%n") (rbridge-document-name document)
                                                 (rbridge-document-host document))))
          format t t)
         arguments))

(defun rbridge-document-fail (document format &rest arguments)
  "Signal `user-error' with what FORMAT and ARGUMENTS say of DOCUMENT, as in `rbridge-document-words'."
  (rbridge-text-fail "%s" (apply #'rbridge-document-words document format arguments)))

(defun rbridge-document-refresh (document)
  "Show how DOCUMENT stands."
  (when (rbridge-document-live-p document)
    (with-current-buffer (rbridge-document-buffer document) (force-mode-line-update))))

(defun rbridge-document-lose (document)
  "The daemon does not know DOCUMENT any more.  Its buffer stays."
  (rbridge-document--leave document)
  (remhash (rbridge-document-id document) rbridge-documents)
  (setf (rbridge-document-lost document) t)
  (rbridge-document-refresh document))

(defun rbridge-document--leave (document)
  "DOCUMENT is about to be none any more, or to have another name."
  (when (rbridge-document-live-p document)
    (with-current-buffer (rbridge-document-buffer document) (run-hooks 'rbridge-document-leave-hook))))

(defun rbridge-document-forget (document)
  "The user is done with DOCUMENT."
  (rbridge-document--leave document)
  (remhash (rbridge-document-id document) rbridge-documents)
  (unless (rbridge-document-lost document)
    (setf (rbridge-document-lost document) t)
    (rbridge-link-ask "buffer/close" (list :id (rbridge-document-id document)) #'ignore)))

(defun rbridge-document-conflict (document)
  "The host's text of DOCUMENT is another one than that which the text here stands on."
  ;; A save says it by itself.
  (let ((new (not (or (equal (rbridge-document-state document) "conflict") (rbridge-document-saving document)))))
    (setf (rbridge-document-state document) "conflict")
    (rbridge-document-refresh document)
    (when new
      (rbridge-document-say document "%n changed on %h and here: M-x rbridge-diff"))))

;; Texts

(defun rbridge-document-fetch (document method done)
  "Ask METHOD for DOCUMENT's text; DONE is called with its bytes and their digest, or with nil and the error."
  (let ((id (rbridge-document-id document)) parts)
    (rbridge-link-ask
     method (list :id id)
     (lambda (all fault)
       (let ((base (and all (plist-get all :base))) (of (and all (plist-get all :chunks))))
         (cl-labels ((next (number)
                       (if (= number of)
                           (funcall done (rbridge-text-join (nreverse parts)) base)
                         (rbridge-link-ask method (list :id id :base base :chunk number)
                                           (lambda (part fault)
                                             (cond (part (push part parts) (next (1+ number)))
                                                   ((= (plist-get fault :code) rbridge-document--stale)
                                                    (rbridge-document-fetch document method done))
                                                   (t (funcall done nil fault))))))))
           (cond (fault (funcall done nil fault))
                 (of (next 0))
                 (t (funcall done (rbridge-text-join (list all)) base)))))))))

(defun rbridge-document-reload (document over done)
  "Take over the host's text of DOCUMENT; not over changes that were made here, unless OVER.
DONE is called with whether it was, and where the daemon did not give it with its error."
  (rbridge-document-fetch
   document "buffer/read"
   (lambda (bytes base)
     (if (not (and bytes (rbridge-document-live-p document)
                   (or over (not (or (rbridge-document-modified-p document) (rbridge-document-saving document))))))
         (funcall done nil (and (not bytes) base))
       (with-current-buffer (rbridge-document-buffer document) (rbridge-text-fill bytes nil))
       (setf (rbridge-document-base document) base
             (rbridge-document-sent document) nil
             (rbridge-document-state document) "clean")
       (rbridge-document-refresh document)
       (funcall done t nil)))))

;; Buffers

(defun rbridge-document--buffer-name (document)
  "A name for the buffer of DOCUMENT: train.py@gpu1, src/train.py@gpu1, or one with a number."
  (let* ((host (rbridge-document-host document))
         (short (concat (rbridge-document-name document) "@" host))
         (parts (last (split-string (rbridge-document-path document) "/" t) 2))
         (longer (concat (string-join parts "/") "@" host))
         (taken (lambda (name) (not (memq (get-buffer name) (list nil (rbridge-document-buffer document)))))))
    (cond ((not (funcall taken short)) short)
          ((not (or (null (cdr parts)) (funcall taken longer))) longer)
          (t (generate-new-buffer-name short)))))

(defun rbridge-document-moved (document path)
  "The file of DOCUMENT is PATH now: so is its buffer, whatever was typed there."
  (let ((kind (file-name-extension (rbridge-document-path document))))
    (rbridge-document--leave document)
    (setf (rbridge-document-uri document) (rbridge-path-uri (rbridge-document-host document) path
                                                            (rbridge-document-id document)))
    (setf (rbridge-document-path document) path
          (rbridge-document-name document) (file-name-nondirectory path))
    (when (rbridge-document-live-p document)
      (with-current-buffer (rbridge-document-buffer document)
        (rename-buffer (rbridge-document--buffer-name document) t)
        (unless (equal kind (file-name-extension path))
          (let ((read-only buffer-read-only))
            (rbridge-document--choose-mode)
            (setq buffer-read-only read-only)))
        (rbridge-document-equip)))))

(defun rbridge-document-buffer-new (document bytes readonly)
  "Make the buffer of DOCUMENT, which shows BYTES; READONLY as the host says."
  (with-current-buffer (get-buffer-create (rbridge-document--buffer-name document))
    (setf (rbridge-document-buffer document) (current-buffer))
    (setq rbridge-document document)
    (setq default-directory (expand-file-name "~/"))
    (buffer-enable-undo)
    (rbridge-text-fill bytes t)
    (rbridge-document--choose-mode)
    (rbridge-document-equip)
    (setq buffer-read-only readonly)
    (current-buffer)))

(defconst rbridge-document--viewers
  '(image-mode doc-view-mode doc-view-mode-maybe archive-mode tar-mode pdf-view-mode nov-mode hexl-mode)
  "Modes that read a file, or write the text into one.")

(defun rbridge-document--viewer-p (entry)
  "Whether ENTRY of `auto-mode-alist' leads to one of `rbridge-document--viewers'."
  (memq (if (consp (cdr entry)) (cadr entry) (cdr entry)) rbridge-document--viewers))

(defun rbridge-document--choose-mode ()
  "Turn on the major mode for the current buffer: by what its host says, its path, its first line.
Nothing that stands in the text sets a variable or runs code."
  (let* ((language (intern (concat (or (rbridge-document-language rbridge-document) "") "-mode")))
         (auto-mode-alist (seq-remove #'rbridge-document--viewer-p auto-mode-alist))
         (known (or (rassq language auto-mode-alist) (rassq language interpreter-mode-alist)))
         (enable-local-variables nil)
         (enable-local-eval nil)
         (enable-dir-local-variables nil)
         (magic-mode-alist nil)
         (magic-fallback-mode-alist nil)
         ;; A name that no file of this machine can have.
         (buffer-file-name (concat "/dev/null/" (string-remove-prefix "/" (rbridge-document-path rbridge-document)))))
    (with-demoted-errors "rbridge: %S"
      (cond ((eq (coding-system-type buffer-file-coding-system) 'raw-text) (fundamental-mode))
            (known (funcall language))
            (t (set-auto-mode))))))

(defun rbridge-document-equip ()
  "Give the current buffer what the buffer of a document has.  A new major mode takes it away."
  (when (and rbridge-document (eq (rbridge-document-buffer rbridge-document) (current-buffer)))
    (setq buffer-auto-save-file-name nil)
    (setq buffer-offer-save 'always)
    (setq-local local-enable-local-variables nil)
    (setq-local require-final-newline nil)
    (setq-local backup-inhibited t)
    ;; What goes through another program does so in memory.
    (when rbridge-link-directory
      (setq-local temporary-file-directory rbridge-link-directory))
    (setq-local list-buffers-directory (concat (rbridge-document-host rbridge-document) ":"
                                               (rbridge-document-path rbridge-document)))
    (run-hooks 'rbridge-buffer-hook)))

(provide 'rbridge-document)
;;; rbridge-document.el ends here
