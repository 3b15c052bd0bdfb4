;;; rbridge-lsp.el --- Which language servers a document's host has  -*- lexical-binding: t -*-

;; The daemon says it, and starts them there.  Eglot speaks with them, where this Emacs has it; it is loaded when
;; there is one to speak with.

;;; Code:

(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'rbridge-save)
(require 'subr-x)

(declare-function rbridge-eglot-attach "rbridge-eglot")
(declare-function rbridge-eglot-leave "rbridge-eglot")

(defcustom rbridge-language-servers t
  "Whether the language servers that a host has are used for its files, with Eglot."
  :type 'boolean :group 'rbridge)

(defconst rbridge-lsp--not-now -32010 "The host is not connected, or could not say.")

(defun rbridge-lsp-possible-p ()
  "Whether there is something in this Emacs that speaks with language servers, and the user wants that."
  (and rbridge-language-servers (or (featurep 'eglot) (locate-library "eglot")) t))

(defun rbridge-lsp-primary (document)
  "The first of the language servers that DOCUMENT's host has for it, as the daemon says it; nil where none is known."
  (and (consp (rbridge-document-servers document)) (car (rbridge-document-servers document))))

(defun rbridge-lsp-begin (document)
  "Have DOCUMENT looked after by its host's language servers, as soon as they are known."
  (cond ((not (and rbridge-link-ready (rbridge-lsp-possible-p) (rbridge-lsp--text-p document))))
        ((rbridge-lsp-primary document) (rbridge-link-later (lambda () (rbridge-lsp--attach document))))
        ((null (rbridge-document-servers document))
         (setf (rbridge-document-servers document) 'asked)
         (rbridge-link-ask "lsp/servers" (list :id (rbridge-document-id document))
                           (lambda (result fault) (rbridge-lsp--known document result fault))))))

(defun rbridge-lsp--text-p (document)
  "Whether DOCUMENT has a buffer, and text in it."
  (and (rbridge-document-live-p document)
       (not (rbridge-document-lost document))
       (not (eq (coding-system-type (or (buffer-local-value 'buffer-file-coding-system
                                                            (rbridge-document-buffer document))
                                        'undecided))
                'raw-text))))

(defun rbridge-lsp--known (document result fault)
  "RESULT says which language servers there are for DOCUMENT; after FAULT it is asked again, or never."
  (let ((servers (append (and (consp result) (plist-get result :servers)) nil))
        (advice (or (and (consp result) (plist-get result :advice)) "")))
    (setf (rbridge-document-servers document)
          (cond (servers)
                ((memq (plist-get fault :code) (list rbridge-lsp--not-now rbridge-link-lost)) nil)
                (t 'none)))
    (when (and (consp result) (plist-get result :language))
      (setf (rbridge-document-language-id document) (plist-get result :language)))
    (unless (string= advice "") (message "rbridge: %s" (rbridge-path-shown advice)))
    (when servers (rbridge-lsp-begin document))))

(defun rbridge-lsp--attach (document)
  "Have DOCUMENT's first language server look after it, if that is still wanted."
  (when (and rbridge-link-ready (rbridge-lsp-primary document) (rbridge-lsp--text-p document))
    (condition-case fault
        (progn (require 'rbridge-eglot)
               (rbridge-eglot-attach document))
      (error (rbridge-document-say document "%n has no help of %h's %s: %s"
                                   (plist-get (rbridge-lsp-primary document) :name)
                                   (error-message-string fault))))))

(defun rbridge-lsp-again (document)
  "A new daemon, or the old one again: it is asked anew which servers there are for DOCUMENT."
  (setf (rbridge-document-servers document) nil)
  (rbridge-lsp-begin document))

(defun rbridge-lsp--equip ()
  "The current buffer is that of a document, or has a new major mode."
  (rbridge-lsp-begin rbridge-document))

(defun rbridge-lsp--leave ()
  "The current buffer is about to be no document's, or one's of another name."
  (when (featurep 'rbridge-eglot) (rbridge-eglot-leave)))

(defun rbridge-lsp-start ()
  "From now on documents have the help of language servers."
  (add-hook 'rbridge-buffer-hook #'rbridge-lsp--equip)
  (add-hook 'rbridge-document-leave-hook #'rbridge-lsp--leave)
  ;; A server of this machine must not get a host's texts, whatever starts it.
  (with-eval-after-load 'eglot (require 'rbridge-eglot)))

(provide 'rbridge-lsp)
;;; rbridge-lsp.el ends here
