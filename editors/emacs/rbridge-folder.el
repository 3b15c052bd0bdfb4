;;; rbridge-folder.el --- The folders that are shown here  -*- lexical-binding: t -*-

;;; Code:

(require 'cl-lib)
(require 'rbridge-document)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'rbridge-text)
(require 'seq)
(require 'subr-x)

(cl-defstruct (rbridge-folder (:copier nil))
  "A directory of a host.  ROOT is its `rbridge-node'; LOST: the daemon does not know it, or not any more.
GOAL is a path that the user is taken to when it is shown, and the `num-input-keys' of then."
  id host path name read-only lost buffer root goal (connected t))

(defvar rbridge-folders nil "Those that are shown here, also while the daemon does not know them.")

(defvar-local rbridge-folder nil "The folder that this buffer belongs to, nil in other buffers.")
(put 'rbridge-folder 'permanent-local t)

(defconst rbridge-folder--unconnected -32015)
(defconst rbridge-folder-unconfirmed -32014)

(defun rbridge-folder-of (id)
  "The folder that the daemon knows as ID, if any."
  (seq-find (lambda (folder) (and (equal (rbridge-folder-id folder) id) (not (rbridge-folder-lost folder))))
            rbridge-folders))

(defun rbridge-folder-title (folder)
  "Host and path of FOLDER."
  (rbridge-path-shown (concat (rbridge-folder-host folder) ":" (rbridge-folder-path folder))))

(defun rbridge-folder-stands (folder)
  "In a word or two, how FOLDER stands."
  (cond ((not rbridge-link-ready) "no rbridge")
        ((or (rbridge-folder-lost folder) (not (rbridge-folder-connected folder))) "not connected")
        ((rbridge-folder-read-only folder) "read-only")
        (t "connected")))

(defun rbridge-folder-refresh (folder)
  "Show how FOLDER stands."
  (when (buffer-live-p (rbridge-folder-buffer folder))
    (with-current-buffer (rbridge-folder-buffer folder) (force-mode-line-update))))

(defun rbridge-folder-say (folder what fault)
  "Tell the user that WHAT, a file of FOLDER, has met FAULT."
  (let ((why (cond ((eql (plist-get fault :code) rbridge-folder--unconnected)
                    (format "%s is not connected" (rbridge-folder-host folder)))
                   ((eql (plist-get fault :code) rbridge-link-lost) (plist-get fault :message)))))
    (message "rbridge: %s" (if why (format "%s: %s" (rbridge-path-shown what) why) (plist-get fault :message)))))

;; Asking

(defun rbridge-folder-ask (folder method params done)
  "Ask METHOD of FOLDER with PARAMS, as `rbridge-link-ask' with DONE."
  (if (not (and rbridge-link-ready (rbridge-folder-lost folder)))
      (rbridge-link-ask method `(:folder ,(rbridge-folder-id folder) ,@params) done)
    (run-with-timer 0 nil done nil (list :code rbridge-folder--unconnected :message "it is not connected"))
    nil))

(defvar rbridge-folder--streams (make-hash-table :test #'equal) "Functions that take `fs/found', by its stream.")
(defvar rbridge-folder--stream 0)

(defun rbridge-folder-stream (folder method params found done)
  "Ask METHOD of FOLDER with PARAMS.
FOUND is called with each `fs/found' about it, and DONE at the end, as by `rbridge-link-ask'."
  (let ((stream (format "s%d" (cl-incf rbridge-folder--stream))))
    (puthash stream found rbridge-folder--streams)
    (rbridge-folder-ask folder method `(,@params :stream ,stream)
                        (lambda (result fault)
                          (remhash stream rbridge-folder--streams)
                          (funcall done result fault)))))

(defun rbridge-folder-found (params)
  "What a search has found so far, as PARAMS say."
  (when-let ((found (gethash (plist-get params :stream) rbridge-folder--streams)))
    (funcall found params)))

;; Which folder a command is about

(defun rbridge-folder-inside (folder document)
  "The path of DOCUMENT in FOLDER, nil where it is not in it."
  (let ((top (concat (rbridge-path-cleaned (directory-file-name (rbridge-folder-path folder))) "/")))
    (and (equal (rbridge-folder-host folder) (rbridge-document-host document))
         (string-prefix-p top (rbridge-document-path document))
         (substring (rbridge-document-path document) (length top)))))

(defun rbridge-folder--around (document)
  "The innermost folder that DOCUMENT is in, if any."
  (car (seq-sort-by (lambda (folder) (- (length (rbridge-folder-path folder)))) #'<
                    (seq-filter (lambda (folder) (rbridge-folder-inside folder document)) rbridge-folders))))

(defun rbridge-folder-here ()
  "The folder that a command is about: that of this buffer, else the only one, else the one that the user chooses.
Signals `user-error' where there is none."
  (or rbridge-folder
      (and rbridge-document (rbridge-folder--around rbridge-document))
      (and (not (cdr rbridge-folders)) (car rbridge-folders))
      (and rbridge-folders
           (let ((titles (mapcar (lambda (one) (cons (rbridge-folder-title one) one)) rbridge-folders)))
             (cdr (assoc (completing-read "Folder: " titles nil t) titles))))
      (rbridge-text-fail "no folder is open here: rbridge open DIRECTORY on a host shows one")))

(defun rbridge-folder-to-change ()
  "As `rbridge-folder-here', for what changes something there."
  (let ((folder (rbridge-folder-here)))
    (when (rbridge-folder-read-only folder)
      (rbridge-text-fail "%s is read-only" (rbridge-path-shown (rbridge-folder-name folder))))
    folder))

;; Files that were moved

(defun rbridge-folder-moved (folder path to)
  "What was PATH in FOLDER is TO now: so are the documents."
  (let ((path (rbridge-path-cleaned path)) (to (rbridge-path-cleaned to))
        (top (concat (rbridge-path-cleaned (directory-file-name (rbridge-folder-path folder))) "/")))
    (dolist (document (rbridge-document-list))
      (let ((inside (rbridge-folder-inside folder document)))
        (when (and inside (rbridge-path-below-p inside path))
          (rbridge-document-moved document (concat top to (substring inside (length path)))))))))

(provide 'rbridge-folder)
;;; rbridge-folder.el ends here
