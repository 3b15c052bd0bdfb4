;;; rbridge-name.el --- File names for what is on a host: /rbridge://HOST/PATH  -*- lexical-binding: t -*-

;; For packages that know buffers by file names only, as Eglot does.  No file is read or written by such a name: it
;; leads to a document's buffer, and to visit one has the daemon open it.

;;; Code:

(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'rbridge-save)
(require 'rbridge-text)
(require 'seq)
(require 'subr-x)

(defconst rbridge-name--prefix "/rbridge://")
(defconst rbridge-name--match "\\`/rbridge://")
(defconst rbridge-name--parts "\\`/rbridge://\\([^/]*\\)\\(.*\\)")

(defvar rbridge-name-roots nil "Names of directories that are there, each with a slash at its end.")

(defun rbridge-name-p (name)
  "Whether NAME is that of a file of a host."
  (and (stringp name) (string-prefix-p rbridge-name--prefix name)))

;; URIs: a name has the characters of the path, and nothing that tells documents apart.

(defun rbridge-name-of-uri (uri)
  "The name for URI, an rbridge: one."
  (string-match "\\`rbridge://\\([^/?#]*\\)\\([^?#]*\\)" uri)
  (let ((host (match-string 1 uri)) (path (match-string 2 uri)))
    (concat rbridge-name--prefix host (rbridge-path-heard path t))))

(defun rbridge-name-uri (name)
  "The URI of what NAME names; of a document the one that the daemon said."
  (let ((document (rbridge-name-document name)))
    (if document
        (rbridge-document-uri document)
      (string-match rbridge-name--parts name)
      (let ((host (match-string 1 name)) (path (match-string 2 name)))
        (rbridge-path-uri (rbridge-path-heard host t)
                          (if (equal path "/") path (string-remove-suffix "/" path)))))))

(defun rbridge-name-of (document)
  "The name of DOCUMENT."
  (rbridge-name-of-uri (rbridge-document-uri document)))

(defun rbridge-name-document (name)
  "The document that NAME names, if it is open here."
  (seq-find (lambda (document)
              (and (rbridge-document-live-p document) (equal (rbridge-name-of document) name)))
            (rbridge-document-list)))

;; What Emacs asks of file names

(defconst rbridge-name--textual
  '(abbreviate-file-name directory-file-name file-name-as-directory file-name-directory file-name-nondirectory
    file-name-sans-versions)
  "Operations that need no file.")

(defconst rbridge-name--nothing
  '(directory-files directory-files-and-attributes exec-path file-accessible-directory-p file-acl file-attributes
    file-executable-p file-group-gid file-in-directory-p file-locked-p file-modes file-name-all-completions
    file-name-case-insensitive-p file-name-completion file-newer-than-file-p file-notify-add-watch
    file-notify-rm-watch file-notify-valid-p file-ownership-preserved-p file-selinux-context file-symlink-p
    file-system-info file-user-uid lock-file make-auto-save-file-name make-lock-file-name set-visited-file-modtime
    unlock-file vc-registered)
  "Operations whose answer is nil.")

(defun rbridge-name-handler (operation &rest arguments)
  "Do OPERATION with ARGUMENTS, of which one is a name of ours; as in `file-name-handler-alist'."
  (let ((name (car arguments)))
    (pcase operation
      ('expand-file-name (rbridge-name--expand name (cadr arguments)))
      ('file-truename (rbridge-name--expand name nil))
      ('file-remote-p (rbridge-name--remote name (cadr arguments)))
      ('get-file-buffer (when-let ((document (rbridge-name-document name))) (rbridge-document-buffer document)))
      ((or 'file-exists-p 'file-directory-p 'file-readable-p 'file-regular-p 'file-writable-p)
       (if (member (file-name-as-directory name) rbridge-name-roots)
           (memq operation '(file-exists-p file-directory-p file-readable-p))
         (and (not (eq operation 'file-directory-p)) (rbridge-name-document name) t)))
      ('verify-visited-file-modtime t)
      ('substitute-in-file-name name) ; its double slash is none that begins anew
      ('unhandled-file-name-directory (expand-file-name "~/"))
      ((pred (lambda (one) (memq one rbridge-name--nothing))) nil)
      ((pred (lambda (one) (memq one rbridge-name--textual))) (rbridge-name--real operation arguments))
      (_ (signal 'file-error (list (format "rbridge: it is on a host (%s)" operation)
                                   (seq-find #'rbridge-name-p arguments)))))))

(defun rbridge-name--real (operation arguments)
  "Do OPERATION with ARGUMENTS as with any name."
  (let ((inhibit-file-name-handlers (cons #'rbridge-name-handler
                                          (and (eq inhibit-file-name-operation operation)
                                               inhibit-file-name-handlers)))
        (inhibit-file-name-operation operation))
    (apply operation arguments)))

(defun rbridge-name--expand (name directory)
  "NAME, which may be relative to DIRECTORY, without any `.' and `..'."
  (let ((whole (if (or (file-name-absolute-p name) (null directory)) name
                 (concat (file-name-as-directory directory) name))))
    (if (not (rbridge-name-p whole))
        (rbridge-name--real 'expand-file-name (list whole "/"))
      (string-match rbridge-name--parts whole)
      (let ((top (concat rbridge-name--prefix (match-string 1 whole))) (path (match-string 2 whole)))
        (concat top (if (string= path "") "/" (rbridge-name--real 'expand-file-name (list path "/"))))))))

(defun rbridge-name--remote (name part)
  "PART of NAME, or what stands before its path."
  (string-match rbridge-name--parts name)
  (let ((host (match-string 1 name)) (path (match-string 2 name)))
    (pcase part
      ('method "rbridge")
      ('user nil)
      ('host host)
      ('localname path)
      ('hop nil)
      (_ (concat rbridge-name--prefix host)))))

;; Visiting

(defun rbridge-name--await (what start)
  "Call START with a function that takes a result and an error, and wait for the result.
WHAT is being waited for.  Signals `user-error' where there is an error instead, or nothing in time."
  (let ((limit (+ (float-time) rbridge-wait)) (rbridge-link-busy t) (inhibit-quit nil) over result fault)
    (funcall start (lambda (one other) (setq over t result one fault other)))
    (while (not over)
      (when (> (float-time) limit) (rbridge-text-fail "%s: the host does not answer" what))
      (rbridge-link-wait 0.05))
    (when fault (rbridge-text-fail "%s: %s" what (rbridge-path-shown (or (plist-get fault :message) ""))))
    result))

(defun rbridge-name-visit (name)
  "The buffer of what NAME names, which is opened if it is not open here.  Signals `user-error' where that fails."
  (let ((open (rbridge-name-document name)))
    (if open
        (rbridge-document-buffer open)
      (let* ((shown (rbridge-path-shown (file-name-nondirectory (directory-file-name name))))
             (head (rbridge-name--await
                    shown (lambda (done) (rbridge-link-ask "lsp/open" (list :uri (rbridge-name-uri name)) done))))
             (known (and (consp head) (gethash (plist-get head :id) rbridge-documents))))
        (cond ((and known (rbridge-document-live-p known)) (rbridge-document-buffer known))
              ((not (and (consp head) (plist-get head :id)))
               (rbridge-text-fail "%s is not shown here: %s" shown
                                  (if (consp head) (format "by %s" (plist-get head :viewer)) "there is no text")))
              (t (rbridge-name--buffer shown head)))))))

(defun rbridge-name--buffer (shown head)
  "A buffer for the document of HEAD, the parameters of `buffer/open'; messages call it SHOWN."
  (let* ((document (rbridge-document-made head))
         (read (rbridge-name--await
                shown (lambda (done)
                        (rbridge-document-fetch
                         document "buffer/read"
                         (lambda (bytes base)
                           (if bytes (funcall done (cons bytes base) nil) (funcall done nil base))))))))
    (setf (rbridge-document-base document) (cdr read))
    (puthash (rbridge-document-id document) document rbridge-documents)
    (rbridge-document-buffer-new document (car read) (and (plist-get head :readOnly) t))))

(defun rbridge-name--find (original name &rest arguments)
  "Have the file NAME of a host opened by the daemon; of any other call ORIGINAL with NAME and ARGUMENTS."
  (if (rbridge-name-p name) (rbridge-name-visit (rbridge-name--expand name nil)) (apply original name arguments)))

(defun rbridge-name-start ()
  "From now on these names are understood."
  (add-to-list 'file-name-handler-alist (cons rbridge-name--match #'rbridge-name-handler))
  (advice-add 'find-file-noselect :around #'rbridge-name--find))

(provide 'rbridge-name)
;;; rbridge-name.el ends here
