;;; rbridge-eglot.el --- Language servers of hosts as Eglot's servers  -*- lexical-binding: t -*-

;; Eglot has one server for a buffer (rbridge-beside.el has the others), and knows buffers by file names.  A document
;; gets a name for it (rbridge-name.el) only while Eglot begins with its buffer.  The process is a connection to the
;; daemon, which has the server on the host; what Eglot would start on this machine never gets a host's text.

;;; Code:

(require 'cl-lib)
(require 'eglot)
(require 'project)
(require 'rbridge-beside)
(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-lsp)
(require 'rbridge-name)
(require 'rbridge-text)
(require 'seq)

(defclass rbridge-eglot-server (eglot-lsp-server)
  ((rbridge :initarg :rbridge :documentation "What the daemon is told of it: a plist with `:uri', `:server', `:primary'."))
  :documentation "A language server on a host.")

(defvar rbridge-eglot--servers nil "Those that were begun and did not end: ((ROOT . NAME) . SERVER).")

(cl-defmethod eglot-initialization-options ((server rbridge-eglot-server))
  "What the daemon has to know of SERVER, beside what goes on to it."
  (let ((options (cl-call-next-method)))
    (append (list :rbridge (slot-value server 'rbridge)) (and (consp options) options))))

(cl-defmethod jsonrpc-connection-send :after ((_server rbridge-eglot-server) &key method params &allow-other-keys)
  "What the first server hears of a text, METHOD with PARAMS, the others hear too."
  (when method (rbridge-beside-hear method params)))

;; A project for each root

(defun rbridge-eglot--root (document)
  "The name of the directory that DOCUMENT's first language server works in."
  (let ((root (plist-get (rbridge-lsp-primary document) :root)))
    (file-name-as-directory (rbridge-name-of-uri (or root (rbridge-document-uri document))))))

(defun rbridge-eglot--project (_directory)
  "In the buffer of a document: the project that Eglot is to see."
  (when (and rbridge-document (bound-and-true-p eglot-lsp-context))
    (list 'rbridge-eglot (and (rbridge-lsp-primary rbridge-document) (rbridge-eglot--root rbridge-document)))))

(cl-defmethod project-root ((project (head rbridge-eglot)))
  "The root directory of PROJECT."
  (or (cadr project) (expand-file-name "~/")))

;; Which server a buffer gets

(defun rbridge-eglot--connection ()
  "A connection to the daemon, for a language server."
  (let ((default-directory (expand-file-name "~/")))
    (make-network-process :name "rbridge-lsp" :family 'local :noquery t :coding 'utf-8-emacs-unix
                          :service (expand-file-name "lsp.sock" rbridge-link-directory))))

(defun rbridge-eglot--contact (original &rest arguments)
  "For a document what `eglot--connect' wants; for any other buffer what ORIGINAL says to ARGUMENTS.
Signals `user-error' where no language server is known."
  (if (not rbridge-document)
      (apply original arguments)
    (let* ((document (rbridge-document-here))
           (primary (or (rbridge-lsp-primary document)
                        (rbridge-document-fail document "no language server of %h is known for %n")))
           (language (rbridge-eglot--language document)))
      (list (list major-mode) (list 'rbridge-eglot (rbridge-eglot--root document)) 'rbridge-eglot-server
            (list :process #'rbridge-eglot--connection
                  :rbridge (list :uri (rbridge-document-uri document) :server (plist-get primary :name) :primary t))
            (if (fboundp 'eglot--languageId) (list language) language)))))

(defun rbridge-eglot--ensure (original &rest arguments)
  "For a document nothing: it has its server by itself.  For any other buffer call ORIGINAL with ARGUMENTS."
  (unless rbridge-document (apply original arguments)))

(defun rbridge-eglot--language (document)
  "What servers call the language of DOCUMENT."
  (or (rbridge-document-language-id document)
      (rbridge-document-language document)
      (string-remove-suffix "-mode" (symbol-name major-mode))))

;; Since 1.10 or so a server has languages by major mode; before that it had one, whatever the buffer.
(unless (fboundp 'eglot--languageId)
  (cl-defmethod eglot--language-id ((_server rbridge-eglot-server))
    "That of the current buffer, where it is a document's."
    (if rbridge-document (rbridge-eglot--language rbridge-document) (cl-call-next-method))))

(defun rbridge-eglot--serves (server document)
  "SERVER is one for the mode of DOCUMENT's buffer too."
  (let ((slot (if (slot-exists-p server 'languages) 'languages 'major-modes)))
    (cl-pushnew (if (eq slot 'languages) (cons major-mode (rbridge-eglot--language document)) major-mode)
                (slot-value server slot) :test #'equal)))

;; Beginning and ending

(defun rbridge-eglot--key (document)
  "What tells the server of DOCUMENT from others."
  (cons (rbridge-eglot--root document) (plist-get (rbridge-lsp-primary document) :name)))

(defun rbridge-eglot-attach (document)
  "Have DOCUMENT looked after by its first language server, which is begun if there is none yet."
  (let* ((key (rbridge-eglot--key document))
         (server (cdr (assoc key rbridge-eglot--servers))))
    (with-current-buffer (rbridge-document-buffer document)
      (cond ((eglot-managed-p))
            ((not (and server (jsonrpc-running-p server))) (rbridge-eglot--begin key))
            ((slot-boundp server 'capabilities) (rbridge-eglot--manage document server))))))

(defun rbridge-eglot--begin (key)
  "Begin with the server of KEY for the current buffer, and do not wait for it."
  (cl-pushnew (car key) rbridge-name-roots :test #'equal)
  (let ((eglot-sync-connect nil))
    (apply #'eglot--connect (eglot--guess-contact))))

(defun rbridge-eglot--begun (server)
  "A connection was made for SERVER, whoever wanted it."
  (when (object-of-class-p server 'rbridge-eglot-server)
    (let ((key (cons (cadr (eglot--project server)) (plist-get (slot-value server 'rbridge) :server))))
      (setq rbridge-eglot--servers (cons (cons key server) (assoc-delete-all key rbridge-eglot--servers))))))

(defun rbridge-eglot--connected (server)
  "SERVER has answered: it gets the documents that are its."
  (when (object-of-class-p server 'rbridge-eglot-server)
    ;; The connection ends with the daemon; when that is back, it says anew which servers there are.
    (let ((again (slot-value server 'inhibit-autoreconnect)))
      (when (timerp again) (cancel-timer again))
      (setf (slot-value server 'inhibit-autoreconnect) t))
    (dolist (document (rbridge-document-list))
      (when (and (rbridge-document-live-p document) (rbridge-lsp-primary document)
                 (eq server (cdr (assoc (rbridge-eglot--key document) rbridge-eglot--servers))))
        (rbridge-eglot-attach document)))))

(defun rbridge-eglot--manage (document server)
  "Have the current buffer, that of DOCUMENT, looked after by SERVER."
  (rbridge-eglot--serves server document)
  (setq eglot--cached-server server)
  (let ((buffer-file-name (rbridge-name-of document)))
    (eglot--maybe-activate-editing-mode))
  ;; Before what Eglot does there.
  (add-hook 'change-major-mode-hook #'rbridge-eglot--closed nil t))

(defun rbridge-eglot--closed ()
  "The server hears that the document of the current buffer is closed; Eglot leaves that out where a mode changes."
  (when (and rbridge-document (eglot-managed-p))
    (eglot--signal-textDocument/didClose)))

(defun rbridge-eglot-leave ()
  "Have the current buffer looked after by no server any more."
  (when (eglot-managed-p)
    (rbridge-eglot--closed)
    (eglot--managed-mode-off)))

;; Names and URIs

(defvar eglot--TextDocumentIdentifier-cache)

(defun rbridge-eglot--identifier (original &rest arguments)
  "What the current buffer is called, if it is a document's; else what ORIGINAL says to ARGUMENTS."
  (if (not rbridge-document)
      (apply original arguments)
    (let ((said (list :uri (rbridge-document-uri rbridge-document))))
      (when (boundp 'eglot--TextDocumentIdentifier-cache)
        (setq eglot--TextDocumentIdentifier-cache (cons (rbridge-name-of rbridge-document) said)))
      said)))

(defun rbridge-eglot--to-uri (original name &rest arguments)
  "The URI of NAME, if it is one of a host's; else what ORIGINAL says to NAME and ARGUMENTS."
  (if (rbridge-name-p name) (rbridge-name-uri name) (apply original name arguments)))

(defun rbridge-eglot--to-name (original uri &rest arguments)
  "The name for URI, if it is one of a host's; else what ORIGINAL says to URI and ARGUMENTS."
  (let ((text (if (keywordp uri) (substring (symbol-name uri) 1) uri)))
    (if (and (stringp text) (string-prefix-p "rbridge://" text))
        (rbridge-name-of-uri text)
      (apply original uri arguments))))

(defun rbridge-eglot--off (&rest _)
  "Eglot looks after the current buffer no longer."
  (rbridge-beside-leave))

(rbridge-name-start)
(add-hook 'project-find-functions #'rbridge-eglot--project)
(add-hook 'eglot-server-initialized-hook #'rbridge-eglot--begun)
(add-hook 'eglot-connect-hook #'rbridge-eglot--connected t)
(advice-add 'eglot--managed-mode-off :after #'rbridge-eglot--off)
(advice-add 'eglot-ensure :around #'rbridge-eglot--ensure)
(advice-add 'eglot--guess-contact :around #'rbridge-eglot--contact)
(advice-add 'eglot--TextDocumentIdentifier :around #'rbridge-eglot--identifier)
(advice-add (if (fboundp 'eglot-path-to-uri) 'eglot-path-to-uri 'eglot--path-to-uri) :around #'rbridge-eglot--to-uri)
(advice-add (if (fboundp 'eglot-uri-to-path) 'eglot-uri-to-path 'eglot--uri-to-path) :around #'rbridge-eglot--to-name)

(provide 'rbridge-eglot)
;;; rbridge-eglot.el ends here
