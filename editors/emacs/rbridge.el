;;; rbridge.el --- Files of remote hosts as buffers, with no file on this machine  -*- lexical-binding: t -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "27.1"))
;; Keywords: files, comm

;;; Commentary:

;; `rbridge open train.py' in an ssh session shows train.py@gpu1 in the window you use, and C-x C-s writes it on
;; the host.  See README.md.

;;; Code:

(require 'cl-lib)
(require 'rbridge-browse)
(require 'rbridge-conflict)
(require 'rbridge-diff)
(require 'rbridge-document)
(require 'rbridge-folder)
(require 'rbridge-link)
(require 'rbridge-lsp)
(require 'rbridge-save)
(require 'rbridge-tree)
(require 'rbridge-window)
(require 'seq)
(require 'subr-x)

(defvar after-focus-change-function)

;; Closing

(defun rbridge--ours-p ()
  "Whether the current buffer is that of its document, and no clone of it."
  (and rbridge-document (eq (rbridge-document-buffer rbridge-document) (current-buffer))))

(defun rbridge--may-kill ()
  "Ask before changes are given up with the current buffer."
  (or (not (rbridge--ours-p))
      (not (buffer-modified-p))
      (yes-or-no-p (rbridge-document-words rbridge-document
                                           "%n has changes that are not saved on %h; close it anyway? "))))

(defun rbridge--killed ()
  "The buffer is being killed: the host goes on."
  (when (rbridge--ours-p)
    (rbridge-document-forget rbridge-document)))

(defun rbridge-done ()
  "Save the buffer if it has changes, and close it: who waits on the host goes on."
  (interactive)
  (when (buffer-modified-p) (save-buffer))
  (kill-buffer))

(define-key rbridge-buffer-map (kbd "C-x #") #'rbridge-done)

(defun rbridge--renamed ()
  "After \\[write-file] the buffer is that of a file of this machine."
  (when (and (rbridge--ours-p) buffer-file-name)
    (rbridge-document-forget rbridge-document)
    (remove-hook 'write-contents-functions #'rbridge-save t)
    (remove-hook 'kill-buffer-query-functions #'rbridge--may-kill t)
    (remove-hook 'kill-buffer-hook #'rbridge--killed t)
    (dolist (one '(revert-buffer-function require-final-newline backup-inhibited temporary-file-directory
                   local-enable-local-variables list-buffers-directory
                   mode-line-buffer-identification buffer-offer-save rbridge-document))
      (kill-local-variable one))))

(defun rbridge--equip ()
  "Have the buffer of a document saved, read again and closed as one."
  (add-hook 'write-contents-functions #'rbridge-save nil t)
  (add-hook 'kill-buffer-query-functions #'rbridge--may-kill nil t)
  (add-hook 'kill-buffer-hook #'rbridge--killed nil t)
  (setq-local revert-buffer-function #'rbridge-conflict-revert)
  (setq-local mode-line-buffer-identification 'rbridge--name-and-state))

(defun rbridge--unsaved ()
  "The names of the buffers whose changes no host has."
  (delq nil (mapcar (lambda (buffer)
                      (with-current-buffer buffer
                        (and (rbridge--ours-p) (buffer-modified-p) (buffer-name))))
                    (buffer-list))))

(defun rbridge--may-end ()
  "Ask before changes are given up with Emacs."
  (let ((names (rbridge--unsaved)))
    (or (null names)
        (yes-or-no-p (format "Not saved on their hosts: %s; exit anyway? " (string-join names ", "))))))

(defconst rbridge--leave 2 "Seconds that the end of Emacs waits for the daemon.")

(defun rbridge--ended ()
  "Emacs ends: who waits on a host is let go."
  (let ((open 0) (limit (+ (float-time) rbridge--leave)))
    (cl-flet ((close (method id)
                (cl-incf open)
                (rbridge-link-ask method (list :id id) (lambda (&rest _) (cl-decf open)))))
      (when rbridge-link-ready
        (dolist (document (rbridge-document-list)) (close "buffer/close" (rbridge-document-id document)))
        (dolist (folder rbridge-folders)
          (unless (rbridge-folder-lost folder) (close "folder/close" (rbridge-folder-id folder))))))
    (while (and (> open 0) (< (float-time) limit))
      (rbridge-link-wait 0.05))))

;; What the daemon says

(defvar rbridge--opening nil "Ids of documents whose text is on its way.")
(defconst rbridge--look-again 0.02 "Seconds until it is looked again whether a buffer is there.")

(defun rbridge--open (params answer)
  "Show the document of PARAMS, and call ANSWER."
  (let* ((id (plist-get params :id)) (document (gethash id rbridge-documents)))
    (cl-flet ((show (document)
                (when (plist-get params :wait) (setf (rbridge-document-wait document) t))
                (unless (plist-get params :diff) ; buffer/diff does
                  (rbridge-window-show (rbridge-document-buffer document) params))
                (funcall answer nil nil)))
      (cond ((null (rbridge-window-frames))
             (funcall answer nil (list :code -32603 :message "it has no window: emacsclient -c makes one")))
            (document (show document))
            ((member id rbridge--opening)
             (run-with-timer rbridge--look-again nil #'rbridge--open params answer))
            (t
             (push id rbridge--opening)
             (setq document (rbridge-document-made params))
             (rbridge-document-fetch
              document "buffer/read"
              (lambda (bytes base)
                (if (not bytes)
                    (progn (setq rbridge--opening (delete id rbridge--opening))
                           (funcall answer nil (list :code (plist-get base :code)
                                                     :message (plist-get base :message))))
                  (rbridge-link-later
                   (lambda ()
                     (setq rbridge--opening (delete id rbridge--opening))
                     (condition-case fault
                         (progn
                           (setf (rbridge-document-base document) base)
                           (puthash id document rbridge-documents)
                           (rbridge-document-buffer-new document bytes (and (plist-get params :readOnly) t))
                           (show document))
                       (error
                        (funcall answer nil (list :code -32603 :message
                                                  (format "Emacs: %s" (error-message-string fault)))))))))))))))) 

(defun rbridge--show-folder (params answer)
  "Show the folder of PARAMS, and call ANSWER."
  (if (null (rbridge-window-frames))
      (funcall answer nil (list :code -32603 :message "it has no window: emacsclient -c makes one"))
    (rbridge-browse-show-folder params)
    (funcall answer nil nil)))

(defun rbridge--question (params answer)
  "Ask the user what PARAMS say, and give that to ANSWER."
  (let ((choice (rbridge-choose (plist-get params :message) (append (plist-get params :answers) nil))))
    (funcall answer (and choice (list :answer choice)) nil)))

(defun rbridge--request (method params answer)
  "Carry out METHOD with PARAMS for the daemon; ANSWER is called with the result and the error."
  (pcase method
    ("buffer/open" (rbridge--open params answer))
    ("folder/open" (rbridge--show-folder params answer))
    ("buffer/diff" (rbridge-diff-show params answer))
    ("question" (rbridge--question params answer))
    (_ (funcall answer nil (list :code -32601 :message (concat "no such method: " method))))))

(defun rbridge--changed (params)
  "The host's text is another one now: take it over where nothing was changed here."
  (let* ((id (plist-get params :id)) (document (gethash id rbridge-documents)))
    (cond ((and (not document) (member id rbridge--opening))
           (run-with-timer rbridge--look-again nil #'rbridge--changed params))
          (document
           (rbridge-document-reload
            document (plist-get params :force)
            (lambda (taken _)
              (unless taken (rbridge-document-conflict document))
              (rbridge-link-ask "buffer/taken"
                                (list :id id :taken (if taken t :json-false)
                                      :base (if taken (rbridge-document-base document) (plist-get params :base)))
                                #'ignore)))))))

(defun rbridge--state (params)
  "How a document stands now."
  (when-let ((document (gethash (plist-get params :id) rbridge-documents)))
    (setf (rbridge-document-message document) (or (plist-get params :message) "")
          (rbridge-document-connected document) (plist-get params :connected))
    (cond ((equal (plist-get params :state) "conflict") (rbridge-document-conflict document))
          ((equal (plist-get params :state) "clean") (rbridge-save-arrived document (plist-get params :base))))
    (setf (rbridge-document-state document) (plist-get params :state))
    (rbridge-document-refresh document)
    (when (and (plist-get params :connected) (null (rbridge-document-servers document)))
      (rbridge-lsp-begin document))))

(defun rbridge--closed (params)
  "A document was closed elsewhere."
  (when-let ((document (gethash (plist-get params :id) rbridge-documents)))
    (let ((modified (rbridge-document-modified-p document))
          (why (or (plist-get params :message) "")))
      (rbridge-document-lose document)
      (unless modified (kill-buffer (rbridge-document-buffer document)))
      (rbridge-document-say document "%n closed on %h%s%s" (if modified "; the text stays (C-x C-w)" "")
                            (if (string= why "") "" (concat ": " why))))))

(defun rbridge--notice (method params)
  "Take notice of METHOD with PARAMS."
  (pcase method
    ("buffer/changed" (rbridge--changed params))
    ("buffer/state" (rbridge--state params))
    ("buffer/closed" (rbridge--closed params))
    ("folder/state" (rbridge-browse-state params))
    ("folder/focus" (rbridge-browse-focus params))
    ("folder/closed" (rbridge-browse-closed params))
    ("fs/changed" (rbridge-tree-changed params))
    ("fs/found" (rbridge-folder-found params))
    ("window/show" (message "rbridge: %s" (or (plist-get params :message) "")))))

(defun rbridge--at-once-p (method params)
  "Whether METHOD with PARAMS touches no window."
  (pcase method
    ((or "buffer/state" "buffer/changed") (gethash (plist-get params :id) rbridge-documents))
    ("folder/state" (rbridge-folder-of (plist-get params :id)))
    ((or "fs/changed" "fs/found") t)))

;; The connection

(defun rbridge--buffers ()
  "What `initialize' says of the documents that are still here."
  (mapcar (lambda (document)
            (list :id (rbridge-document-id document) :base (rbridge-document-base document)
                  :modified (if (rbridge-document-modified-p document) t :json-false)))
          (rbridge-document-list)))

(defun rbridge--begun (result)
  "Connected, for the first time or again: RESULT says what became of each document meanwhile."
  (let ((back (append (plist-get result :buffers) nil)))
    (dolist (document (rbridge-document-list))
      (let ((one (seq-find (lambda (one) (equal (plist-get one :id) (rbridge-document-id document))) back)))
        (if one
            (progn (rbridge--again document one)
                   (rbridge-lsp-again document))
          (rbridge-document-lose document)
          (rbridge-document-say document "%n is closed on %h; the text stays (C-x C-w)")))))
  (rbridge-browse-begun (append (plist-get result :folders) nil))
  (rbridge--focused))

(defun rbridge--again (document one)
  "DOCUMENT goes on as ONE says, after the connection was lost."
  (let ((clean (equal (plist-get one :state) "clean")) (base (plist-get one :base)))
    (setf (rbridge-document-connected document) (plist-get one :connected)
          (rbridge-document-message document) (or (plist-get one :message) ""))
    (when (equal (plist-get one :state) "conflict") (rbridge-document-conflict document))
    (setf (rbridge-document-state document) (plist-get one :state))
    (unless (rbridge-save-arrived document base)
      (when (and (rbridge-document-sent document) clean)
        (setf (rbridge-document-sent document) nil)
        (rbridge-document-say document "%n is not saved on %h: the connection was lost before"))
      (unless (equal base (rbridge-document-base document))
        (rbridge-document-reload document nil
                                 (lambda (taken _) (unless taken (rbridge-document-conflict document))))))
    (rbridge-document-refresh document)))

(defun rbridge--lost ()
  "The connection to the daemon ended."
  (let ((documents (rbridge-document-list)))
    (mapc #'rbridge-document-refresh documents)
    (mapc #'rbridge-folder-refresh rbridge-folders)
    (when (or documents rbridge-folders)
      (message "rbridge: connection lost, tried again; %s"
               (if documents "the texts stay" "what is shown stays")))))

(defvar rbridge--focus-timer nil)

(defun rbridge--focused (&rest _)
  "Tell the daemon soon that the user looks at this window, and at which document."
  (unless rbridge--focus-timer ; redisplay may be calling
    (setq rbridge--focus-timer (run-with-timer 0 nil #'rbridge--tell-focus))))

(defun rbridge--tell-focus ()
  "Tell the daemon at which document the user looks, unless it is not here."
  (setq rbridge--focus-timer nil)
  (when (seq-some #'frame-focus-state (rbridge-window-frames))
    (let* ((window (or (and (minibufferp (window-buffer)) (minibuffer-selected-window)) (selected-window)))
           (document (buffer-local-value 'rbridge-document (window-buffer window))))
      (rbridge-link-notify "buffer/focus"
                           (and document (not (rbridge-document-lost document))
                                (list :id (rbridge-document-id document)))))))

;; The mode

(defun rbridge-status ()
  "How the current buffer stands on its host, as `gpu1: saved'; empty in other buffers."
  (cond (rbridge-document
         (concat (rbridge-document-host rbridge-document) ": " (rbridge-document-stands rbridge-document)))
        (rbridge-folder
         (concat (rbridge-folder-host rbridge-folder) ": " (rbridge-folder-stands rbridge-folder)))
        (t "")))

(defconst rbridge--name-and-state
  '("%b" (:eval (format " [%s]" (rbridge-document-stands rbridge-document)))))
(put 'rbridge--name-and-state 'risky-local-variable t)

(define-minor-mode rbridge-mode
  "Show files of remote hosts that `rbridge open' brings, as long as Emacs runs."
  :global t :group 'rbridge
  (let ((change (if rbridge-mode #'add-hook #'remove-hook)))
    (pcase-dolist (`(,hook ,function) '((after-change-major-mode-hook rbridge-document-equip)
                                        (rbridge-buffer-hook rbridge--equip)
                                        (after-set-visited-file-name-hook rbridge--renamed)
                                        (kill-emacs-query-functions rbridge--may-end)
                                        (kill-emacs-hook rbridge--ended)
                                        (window-selection-change-functions rbridge--focused)
                                        (window-buffer-change-functions rbridge--focused)))
      (funcall change hook function)))
  (add-to-list 'minor-mode-map-alist (cons 'rbridge-document rbridge-buffer-map))
  (rbridge-lsp-start)
  (setq rbridge-save-in-conflict #'rbridge-conflict-ask
        rbridge-browse-show #'rbridge--open)
  (if (not rbridge-mode)
      (progn (remove-function after-focus-change-function #'rbridge--focused)
             (rbridge-link-stop))
    (add-function :after after-focus-change-function #'rbridge--focused)
    (rbridge-link-start (list :buffers #'rbridge--buffers :folders #'rbridge-browse-said
                              :begun #'rbridge--begun :lost #'rbridge--lost
                              :request #'rbridge--request :notice #'rbridge--notice
                              :at-once #'rbridge--at-once-p
                              :lsp #'rbridge-lsp-possible-p
                              :wanted (lambda ()
                                        (or (rbridge-document-list) rbridge-folders (rbridge-window-frames)))
                              :refused (lambda (why)
                                         (message "rbridge refused this plug-in: %s (rbridge plugin install emacs)"
                                                  why))))))

(provide 'rbridge)
;;; rbridge.el ends here
