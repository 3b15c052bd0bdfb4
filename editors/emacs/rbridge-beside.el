;;; rbridge-beside.el --- Language servers beside that of Eglot  -*- lexical-binding: t -*-

;; Eglot has one server for a buffer.  The others that a document's host has for it, linters above all, hear here what
;; that one hears of the text, and what they find is shown by Flymake.  They are asked for nothing else.

;;; Code:

(require 'cl-lib)
(require 'eglot)
(require 'flymake)
(require 'jsonrpc)
(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-lsp)
(require 'rbridge-name)
(require 'seq)

(defconst rbridge-beside--mirrored
  '("textDocument/didOpen" "textDocument/didChange" "textDocument/didSave" "textDocument/didClose")
  "What these servers hear too.")

(defconst rbridge-beside--capabilities
  '(:workspace (:configuration t)
    :textDocument (:synchronization (:didSave t) :publishDiagnostics (:relatedInformation :json-false)))
  "What they may expect.")

(cl-defstruct (rbridge-beside (:copier nil))
  "A language server: its NAME, ROOT and CONNECTION.  READY: it has answered.  OPEN are the documents that it knows."
  name root connection ready open)

(defvar rbridge-beside--servers nil "Those whose connection is there, or is being made.")

(defvar-local rbridge-beside--found nil "What each server has found in this buffer, by its name.")
(defvar-local rbridge-beside--report nil "What Flymake wants to be called with that.")

;; What is told

(defun rbridge-beside-hear (method params)
  "Eglot's server has been told METHOD with PARAMS of the current buffer."
  (let ((name (string-remove-prefix ":" (format "%s" method))))
    (when (and rbridge-document (member name rbridge-beside--mirrored))
      (dolist (one (rbridge-beside--of rbridge-document (equal name "textDocument/didOpen")))
        (cond ((equal name "textDocument/didOpen") (rbridge-beside--open one params))
              ((memq rbridge-document (rbridge-beside-open one))
               (rbridge-beside--tell one name params)))))))

(defun rbridge-beside--of (document begin)
  "The servers for DOCUMENT but the first; BEGIN: with those that have to be begun."
  (delq nil
        (mapcar (lambda (known)
                  (or (seq-find (lambda (one) (and (equal (rbridge-beside-name one) (plist-get known :name))
                                                   (equal (rbridge-beside-root one) (plist-get known :root))))
                                rbridge-beside--servers)
                      (and begin (rbridge-beside--begin document known))))
                (cdr (rbridge-document-servers document)))))

(defun rbridge-beside--open (one params)
  "ONE is to know the document of the current buffer, as PARAMS of `textDocument/didOpen' say."
  (cl-pushnew rbridge-document (rbridge-beside-open one))
  (unless (memq #'rbridge-beside-flymake flymake-diagnostic-functions)
    (add-hook 'flymake-diagnostic-functions #'rbridge-beside-flymake nil t)
    (when flymake-mode (flymake-start))) ; it began without that
  (when (rbridge-beside-ready one)
    (jsonrpc-notify (rbridge-beside-connection one) :textDocument/didOpen params)))

(defun rbridge-beside--tell (one name params)
  "Tell ONE what NAME with PARAMS says of the current buffer; changes as the whole text, which each server takes."
  (pcase name
    ("textDocument/didClose"
     (setf (rbridge-beside-open one) (delq rbridge-document (rbridge-beside-open one)))
     (rbridge-beside--show (rbridge-beside-name one) nil))
    ("textDocument/didChange"
     (setq params (list :textDocument (plist-get params :textDocument)
                        :contentChanges (vector (list :text (rbridge-beside--text)))))))
  (when (rbridge-beside-ready one)
    (jsonrpc-notify (rbridge-beside-connection one) (intern (concat ":" name)) params)))

(defun rbridge-beside-leave ()
  "Eglot looks after the current buffer no longer."
  (when rbridge-document
    (dolist (one rbridge-beside--servers)
      (when (memq rbridge-document (rbridge-beside-open one))
        (rbridge-beside--tell one "textDocument/didClose"
                              (list :textDocument (list :uri (rbridge-document-uri rbridge-document))))))))

(defun rbridge-beside--text ()
  "The text of the current buffer."
  (save-restriction (widen) (buffer-substring-no-properties (point-min) (point-max))))

;; Beginning and ending

(defun rbridge-beside--begin (document known)
  "Begin with the server that the daemon has said as KNOWN, for DOCUMENT; nil where that fails."
  (let ((one (make-rbridge-beside :name (plist-get known :name) :root (plist-get known :root))))
    (condition-case fault
        (let ((connection (rbridge-beside--connected one)))
          (setf (rbridge-beside-connection one) connection)
          (push one rbridge-beside--servers)
          (jsonrpc-async-request
           connection :initialize
           (list :processId nil :rootUri (plist-get known :root) :capabilities rbridge-beside--capabilities
                 :initializationOptions
                 (list :rbridge (list :uri (rbridge-document-uri document) :server (plist-get known :name)
                                      :primary :json-false)))
           :timeout 60
           :success-fn (lambda (_) (rbridge-beside--begun one))
           :error-fn (lambda (fault) (rbridge-beside--failed one document (plist-get fault :message)))
           :timeout-fn (lambda () (rbridge-beside--failed one document "no answer")))
          one)
      (error (rbridge-beside--failed one document (error-message-string fault))
             nil))))

(defun rbridge-beside--connected (one)
  "A connection to the daemon for ONE."
  (let ((default-directory (expand-file-name "~/")) (name (format "rbridge %s" (rbridge-beside-name one))))
    (apply #'make-instance 'jsonrpc-process-connection :name name
           :process (lambda ()
                      (make-network-process :name name :family 'local :noquery t :coding 'utf-8-emacs-unix
                                            :service (expand-file-name "lsp.sock" rbridge-link-directory)))
           :notification-dispatcher (lambda (_ method params) (rbridge-beside--noticed one method params))
           :request-dispatcher (lambda (_ method params)
                                 (when (eq method 'workspace/configuration)
                                   (make-vector (length (plist-get params :items)) nil)))
           :on-shutdown (lambda (_) (rbridge-beside--ended one))
           (rbridge-link-unlogged))))

(defun rbridge-beside--begun (one)
  "ONE has answered: it hears of the documents that were opened meanwhile."
  (setf (rbridge-beside-ready one) t)
  (jsonrpc-notify (rbridge-beside-connection one) :initialized (make-hash-table))
  (dolist (document (rbridge-beside-open one))
    (when (rbridge-document-live-p document)
      (with-current-buffer (rbridge-document-buffer document)
        (jsonrpc-notify (rbridge-beside-connection one) :textDocument/didOpen
                        (list :textDocument
                              (append (eglot--VersionedTextDocumentIdentifier)
                                      (list :languageId (or (rbridge-document-language-id document) "")
                                            :text (rbridge-beside--text)))))))))

(defun rbridge-beside--failed (one document why)
  "Say WHY there is no ONE for DOCUMENT."
  (when (rbridge-beside-connection one) (jsonrpc-shutdown (rbridge-beside-connection one)))
  (rbridge-document-say document "%n has no help of %h's %s: %s" (rbridge-beside-name one) why))

(defun rbridge-beside--ended (one)
  "The connection of ONE has ended, as it does with the daemon."
  (setq rbridge-beside--servers (delq one rbridge-beside--servers))
  (dolist (document (rbridge-beside-open one))
    (when (rbridge-document-live-p document)
      (with-current-buffer (rbridge-document-buffer document)
        (rbridge-beside--show (rbridge-beside-name one) nil)))))

;; What is found

(defun rbridge-beside--noticed (one method params)
  "ONE has said METHOD with PARAMS."
  (pcase method
    ('textDocument/publishDiagnostics
     (when-let ((document (rbridge-name-document (rbridge-name-of-uri (plist-get params :uri)))))
       (with-current-buffer (rbridge-document-buffer document)
         (rbridge-beside--show (rbridge-beside-name one)
                               (mapcar #'rbridge-beside--diagnostic (plist-get params :diagnostics))))))
    ('window/showMessage
     (message "rbridge: %s: %s" (rbridge-beside-name one) (rbridge-path-shown (or (plist-get params :message) ""))))))

(defun rbridge-beside--diagnostic (said)
  "What Flymake shows in the current buffer for the diagnostic SAID."
  (let* ((range (plist-get said :range))
         (from (eglot--lsp-position-to-point (plist-get range :start)))
         (to (eglot--lsp-position-to-point (plist-get range :end)))
         (source (plist-get said :source))
         (code (plist-get said :code)))
    (flymake-make-diagnostic
     (current-buffer) from (if (< from to) to (min (1+ from) (1+ (buffer-size))))
     (pcase (plist-get said :severity) ((or 'nil 1) :error) (2 :warning) (_ :note))
     (concat source (and code (format " [%s]" code)) (and source ": ") (plist-get said :message)))))

(defun rbridge-beside--show (name found)
  "The server with NAME has FOUND that in the current buffer."
  (setf (alist-get name rbridge-beside--found nil t #'equal) found)
  (rbridge-beside--tell-flymake))

(defun rbridge-beside--tell-flymake ()
  "Have Flymake show what was found in the current buffer."
  (when rbridge-beside--report
    (save-restriction
      (widen)
      (funcall rbridge-beside--report (apply #'append (mapcar #'cdr rbridge-beside--found))
               :region (cons (point-min) (point-max))))))

(defun rbridge-beside-flymake (report &rest _)
  "What these servers find goes to REPORT, from now on; see `flymake-diagnostic-functions'."
  (setq rbridge-beside--report report)
  (rbridge-beside--tell-flymake))

(provide 'rbridge-beside)
;;; rbridge-beside.el ends here
