;;; rbridge-browse.el --- A folder as a buffer: its mode and its commands  -*- lexical-binding: t -*-

;; In dired's habit, but that directories are unfolded in place.

;;; Code:

(require 'cl-lib)
(require 'rbridge-conflict)
(require 'rbridge-folder)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'rbridge-text)
(require 'rbridge-tree)
(require 'rbridge-window)
(require 'seq)
(require 'subr-x)

(autoload 'rbridge-find-file "rbridge-find" nil t)
(autoload 'rbridge-search "rbridge-search" nil t)

(defvar rbridge-browse-show #'ignore
  "Called with the parameters of `buffer/open' and a function that takes the result and the error.")

(defvar rbridge-folder-mode-map
  (let ((map (make-sparse-keymap)))
    (pcase-dolist (`(,key ,command)
                   '(("RET" rbridge-browse-open) ("e" rbridge-browse-open) ("f" rbridge-browse-open)
                     ("o" rbridge-browse-open-beside) ("C-o" rbridge-browse-display) ("<mouse-2>" rbridge-browse-click)
                     ("TAB" rbridge-browse-toggle) ("i" rbridge-browse-toggle) ("^" rbridge-browse-up)
                     ("n" rbridge-browse-next) ("p" rbridge-browse-previous) ("SPC" rbridge-browse-next)
                     ("+" rbridge-new-folder) ("N" rbridge-new-file) ("R" rbridge-rename) ("D" rbridge-remove)
                     ("j" rbridge-find-file) ("A" rbridge-search) ("(" rbridge-browse-details)
                     ("k" rbridge-close-folder)))
      (define-key map (kbd key) command))
    (define-key map [follow-link] 'mouse-face)
    map)
  "Keys in folders.")

(define-derived-mode rbridge-folder-mode special-mode "Folder"
  "A folder of a host, shown as `rbridge open DIRECTORY' there wants it.
\\{rbridge-folder-mode-map}"
  (setq-local revert-buffer-function (lambda (&rest _) (rbridge-refresh)))
  (setq-local mode-line-buffer-identification 'rbridge-browse--name-and-state)
  (setq-local bidi-paragraph-direction 'left-to-right)
  (setq-local list-buffers-directory (rbridge-folder-title rbridge-folder))
  (setq truncate-lines t
        buffer-undo-list t
        buffer-invisibility-spec nil
        default-directory (expand-file-name "~/"))
  (add-hook 'kill-buffer-hook #'rbridge-browse--killed nil t))

(defconst rbridge-browse--name-and-state
  '("%b" (:eval (format " [%s]" (rbridge-folder-stands rbridge-folder)))))
(put 'rbridge-browse--name-and-state 'risky-local-variable t)

;; What the daemon says

(defun rbridge-browse-show-folder (params)
  "Show the folder of PARAMS, those of `folder/open'; one that was shown before the daemon was started anew goes on."
  (let ((folder (or (rbridge-folder-of (plist-get params :id))
                    (seq-find (lambda (one) (and (rbridge-folder-lost one)
                                                 (equal (rbridge-folder-host one) (plist-get params :host))
                                                 (equal (rbridge-folder-path one) (plist-get params :path))))
                              rbridge-folders))))
    (if folder
        (progn
          (setf (rbridge-folder-id folder) (plist-get params :id)
                (rbridge-folder-read-only folder) (plist-get params :readOnly))
          (rbridge-browse--goes-on folder t))
      (setq folder (make-rbridge-folder
                    :id (plist-get params :id) :host (plist-get params :host) :path (plist-get params :path)
                    :name (plist-get params :name) :read-only (plist-get params :readOnly)))
      (rbridge-browse--buffer folder)
      (rbridge-window-show (rbridge-folder-buffer folder) params)
      (rbridge-tree-unfold folder (rbridge-folder-root folder)
                           (lambda () (rbridge-browse--to-first folder))))))

(defun rbridge-browse--buffer (folder)
  "Make the buffer of FOLDER, which has its title then."
  (push folder rbridge-folders)
  (with-current-buffer (generate-new-buffer
                        (format "%s/@%s" (rbridge-path-shown (rbridge-folder-name folder)) (rbridge-folder-host folder)))
    (setq rbridge-folder folder)
    (setf (rbridge-folder-buffer folder) (current-buffer)
          (rbridge-folder-root folder) (make-rbridge-node :path ""))
    (rbridge-folder-mode)
    (let ((root (rbridge-folder-root folder)))
      (with-silent-modifications
        (insert (rbridge-tree--line folder root) (propertize "\n" 'rbridge-node root)))
      (goto-char (point-min)))))

(defun rbridge-browse--to-first (folder)
  "Go to the first name in FOLDER, unless the user is somewhere already."
  (when-let ((first (car (rbridge-node-children (rbridge-folder-root folder)))))
    (with-current-buffer (rbridge-folder-buffer folder)
      (when (= (line-number-at-pos) 1) (rbridge-tree-goto folder (rbridge-node-path first))))))

(defun rbridge-browse--goes-on (folder connected)
  "The daemon knows FOLDER, again or still, and its host is CONNECTED or not."
  (setf (rbridge-folder-lost folder) nil
        (rbridge-folder-connected folder) connected)
  (rbridge-folder-refresh folder)
  (when connected
    (rbridge-tree-watch folder)
    (rbridge-tree-refresh folder)))

(defun rbridge-browse-begun (standing)
  "Connected to a daemon that knows the folders which STANDING tells of; the others may come back yet."
  (dolist (folder rbridge-folders)
    (let ((one (seq-find (lambda (one) (equal (plist-get one :id) (rbridge-folder-id folder))) standing)))
      (if one
          (rbridge-browse--goes-on folder (plist-get one :connected))
        (setf (rbridge-folder-lost folder) t)
        (rbridge-folder-refresh folder)))))

(defun rbridge-browse-state (params)
  "The connection to the host of a folder is gone, or is back, as PARAMS say."
  (when-let ((folder (rbridge-folder-of (plist-get params :id))))
    (rbridge-browse--goes-on folder (plist-get params :connected))))

(defun rbridge-browse-closed (params)
  "A folder was closed elsewhere, as PARAMS say."
  (when-let ((folder (rbridge-folder-of (plist-get params :id))))
    (setf (rbridge-folder-lost folder) t)
    (kill-buffer (rbridge-folder-buffer folder))
    (let ((why (or (plist-get params :message) "")))
      (message "rbridge: %s closed on %s%s" (rbridge-path-shown (rbridge-folder-name folder))
               (rbridge-folder-host folder) (if (string= why "") "" (concat ": " why))))))

(defun rbridge-browse-focus (params)
  "The user would like to see the folder of PARAMS."
  (when-let ((folder (rbridge-folder-of (plist-get params :id))))
    (rbridge-window-show (rbridge-folder-buffer folder) nil)))

(defun rbridge-browse-said ()
  "What `initialize' says of the folders that are still here."
  (mapcar (lambda (folder) (list :id (rbridge-folder-id folder) :host (rbridge-folder-host folder)
                                 :path (rbridge-folder-path folder)))
          rbridge-folders))

(defun rbridge-browse--killed ()
  "The buffer of a folder is being killed: the host goes on."
  (setq rbridge-folders (delq rbridge-folder rbridge-folders))
  (when-let ((search (get-buffer (rbridge-browse-search-name rbridge-folder)))) (kill-buffer search))
  (unless (rbridge-folder-lost rbridge-folder)
    (rbridge-link-ask "folder/close" (list :id (rbridge-folder-id rbridge-folder)) #'ignore)
    (setf (rbridge-folder-lost rbridge-folder) t)))

(defun rbridge-browse-search-name (folder)
  "The name of the buffer for searches in FOLDER."
  (format "%s (search)" (buffer-name (rbridge-folder-buffer folder))))

;; Looking around

(defun rbridge-browse--node ()
  "The node of this line.  Signals `user-error' where there is none."
  (or (rbridge-tree-at) (rbridge-text-fail "there is no name in this line")))

(defun rbridge-browse-next (&optional lines)
  "Go to the name LINES below."
  (interactive "p")
  (forward-line (or lines 1))
  (when (and (eobp) (not (bobp))) (forward-line -1))
  (rbridge-tree-to-name))

(defun rbridge-browse-previous (&optional lines)
  "Go to the name LINES above."
  (interactive "p")
  (rbridge-browse-next (- (or lines 1))))

(defun rbridge-browse-up ()
  "Go to the directory that this line is in."
  (interactive)
  (when-let ((above (rbridge-node-parent (rbridge-browse--node))))
    (goto-char (rbridge-tree-place above))
    (rbridge-tree-to-name)))

(defun rbridge-browse-toggle ()
  "Show what is in the directory of this line below it, or show it no longer."
  (interactive)
  (let ((node (rbridge-browse--node)))
    (cond ((not (rbridge-tree-directory-p node)) (rbridge-text-fail "this is no directory"))
          ((null (rbridge-node-parent node)) (rbridge-refresh))
          ((rbridge-node-open node) (rbridge-tree-fold rbridge-folder node))
          (t (rbridge-tree-unfold rbridge-folder node)))))

(defun rbridge-browse-details ()
  "Show or hide what stands before the names."
  (interactive)
  (if (memq 'rbridge-details buffer-invisibility-spec)
      (remove-from-invisibility-spec 'rbridge-details)
    (add-to-invisibility-spec 'rbridge-details))
  (force-window-update (current-buffer)))

(defun rbridge-browse-open (&optional how)
  "Open the file of this line, or unfold its directory; HOW as in `rbridge-browse-visit'."
  (interactive)
  (let ((node (rbridge-browse--node)))
    (if (rbridge-tree-directory-p node)
        (rbridge-browse-toggle)
      (rbridge-browse-visit rbridge-folder (rbridge-node-path node) how))))

(defun rbridge-browse-open-beside ()
  "Open the file of this line in another window."
  (interactive)
  (rbridge-browse-open '(:beside t)))

(defun rbridge-browse-display ()
  "Show the file of this line in another window, and stay here."
  (interactive)
  (rbridge-browse-open '(:keepFocus t)))

(defun rbridge-browse-click (event)
  "Open the file where EVENT was, or unfold its directory."
  (interactive "e")
  (select-window (posn-window (event-end event)))
  (goto-char (posn-point (event-end event)))
  (rbridge-browse-open))

(defun rbridge-browse-visit (folder path &optional how place)
  "Open PATH of FOLDER; HOW goes before what the daemon says of showing it, PLACE is a plist with `:line', `:column'."
  (rbridge-folder-ask
   folder "fs/open" `(,@(rbridge-path-say :path path) ,@place)
   (lambda (head fault)
     (cond (fault
            (rbridge-folder-say folder path fault)
            (rbridge-tree-refresh folder (rbridge-path-above path)))
           ((plist-get head :viewer)
            (message "rbridge: %s is shown by %s, for reading: Emacs shows no %s here"
                     (rbridge-path-shown path) (plist-get head :viewer) (plist-get head :kind)))
           (t
            (rbridge-link-later
             (lambda ()
               (funcall rbridge-browse-show (append how head)
                        (lambda (_ fault) (when fault (rbridge-folder-say folder path fault)))))))))))

(defun rbridge-folder ()
  "Show the folder of a host that is open here."
  (interactive)
  (pop-to-buffer-same-window (rbridge-folder-buffer (rbridge-folder-here))))

(defun rbridge-refresh ()
  "Read the folder anew, as far as it is shown."
  (interactive)
  (let ((folder (rbridge-folder-here)))
    (rbridge-tree-watch folder)
    (rbridge-tree-refresh folder nil
                          (lambda ()
                            (unless (rbridge-node-note (rbridge-folder-root folder))
                              (message "rbridge: %s is as on %s" (rbridge-path-shown (rbridge-folder-name folder))
                                       (rbridge-folder-host folder)))))))

(defun rbridge-close-folder ()
  "Close the folder: who waits for it on the host goes on.  Its texts stay."
  (interactive)
  (kill-buffer (rbridge-folder-buffer (rbridge-folder-here))))

;; Changing

(defun rbridge-browse--this (folder)
  "The path in FOLDER that a command is about: that of this line, or of this text.  Signals `user-error'."
  (let ((node (and rbridge-folder (rbridge-tree-at))))
    (or (and node (rbridge-node-parent node) (rbridge-node-path node))
        (and rbridge-document (rbridge-folder-inside folder rbridge-document))
        (rbridge-text-fail "there is no file of the folder here"))))

(defun rbridge-browse--read (folder prompt &optional initial)
  "Ask PROMPT for a path in FOLDER, INITIAL being there; by default the directory where the user is."
  (let* ((node (and rbridge-folder (rbridge-tree-at)))
         (here (cond (node (if (and (rbridge-node-open node) (rbridge-tree-directory-p node))
                               (rbridge-node-path node)
                             (rbridge-path-above (rbridge-node-path node))))
                     (rbridge-document
                      (rbridge-path-above (or (rbridge-folder-inside folder rbridge-document) "")))
                     (t "")))
         (read (read-string prompt (or initial (if (string= here "") "" (concat here "/"))) t))
         (top (concat (directory-file-name (rbridge-folder-path folder)) "/"))
         (path (directory-file-name
                (string-remove-prefix "./" (if (string-prefix-p top read) (substring read (length top)) read)))))
    (when (member path '("" "/" "."))
      (rbridge-text-fail "a name is needed; nothing was done"))
    (if (string-suffix-p "/" read) (concat path "/") path)))

(defun rbridge-browse--change (folder method params path then)
  "Ask METHOD with PARAMS for PATH of FOLDER, and say what was refused; THEN is called once it was done."
  (rbridge-folder-ask folder method params
                      (lambda (_ fault)
                        (if (not fault)
                            (funcall then)
                          (setf (rbridge-folder-goal folder) nil)
                          (rbridge-folder-say folder path fault)
                          (rbridge-tree-refresh folder (rbridge-path-above path))))))

(defun rbridge-browse--goto-later (folder path)
  "A function that reads the directory of PATH in FOLDER anew; when PATH is shown, be it before, the user goes there."
  (let ((goal (cons path num-input-keys)))
    (setf (rbridge-folder-goal folder) goal)
    (lambda ()
      (rbridge-tree-refresh folder (rbridge-path-above path)
                            (lambda ()
                              (when (eq goal (rbridge-folder-goal folder))
                                (let ((node (rbridge-tree-find folder path)))
                                  (rbridge-tree-reach folder (and node (list node))))))))))

(defun rbridge-new-file (path &optional folder)
  "Make an empty file PATH in FOLDER, by default that of this buffer, and open it."
  (interactive (let ((folder (rbridge-folder-to-change)))
                 (list (rbridge-browse--read folder "New file: ") folder)))
  (let ((folder (or folder (rbridge-folder-to-change))))
    (when (string-suffix-p "/" path) (rbridge-text-fail "%s is the name of a directory; nothing was done" path))
    (let ((goto (rbridge-browse--goto-later folder path)))
      (rbridge-browse--change folder "fs/make" `(,@(rbridge-path-say :path path) :kind "file") path
                              (lambda () (funcall goto) (rbridge-browse-visit folder path))))))

(defun rbridge-new-folder (path &optional folder)
  "Make a directory PATH in FOLDER, by default that of this buffer."
  (interactive (let ((folder (rbridge-folder-to-change)))
                 (list (rbridge-browse--read folder "New directory: ") folder)))
  (let ((folder (or folder (rbridge-folder-to-change))) (path (directory-file-name path)))
    (rbridge-browse--change folder "fs/make" `(,@(rbridge-path-say :path path) :kind "directory") path
                            (rbridge-browse--goto-later folder path))))

(defun rbridge-rename (path to &optional folder)
  "Have the file or directory PATH of FOLDER, by default that of this buffer, be TO.
It goes into the directory TO where that ends with a slash."
  (interactive (let* ((folder (rbridge-folder-to-change)) (path (rbridge-browse--this folder)))
                 (list path
                       (rbridge-browse--read folder (format "Rename %s to: " (rbridge-path-shown path))
                                             (and (rbridge-path-plain-p path) path))
                       folder)))
  (let* ((folder (or folder (rbridge-folder-to-change)))
         (name (file-name-nondirectory path))
         (to (if (string-suffix-p "/" to) (concat to name) to)))
    (unless (equal path to)
      (let ((goto (rbridge-browse--goto-later folder to)))
        (rbridge-browse--change folder "fs/move" (rbridge-path-say :path path :to to) path
                                (lambda ()
                                  (rbridge-folder-moved folder path to)
                                  (rbridge-tree-refresh folder (rbridge-path-above path))
                                  (funcall goto)))))))

(defun rbridge-remove (path &optional folder)
  "Remove the file or directory PATH of FOLDER, by default that of this buffer, after a question."
  (interactive (let ((folder (rbridge-folder-to-change))) (list (rbridge-browse--this folder) folder)))
  (let ((folder (or folder (rbridge-folder-to-change))))
    (rbridge-folder-ask
     folder "fs/remove" (rbridge-path-say :path path)
     (lambda (_ fault)
       (if (not (eql (plist-get fault :code) rbridge-folder-unconfirmed))
           (rbridge-folder-say folder path fault)
         (rbridge-link-later
          (lambda ()
            (when (rbridge-confirm (rbridge-browse--question folder path (plist-get fault :data)))
              (rbridge-browse--change folder "fs/remove"
                                      `(,@(rbridge-path-say :path path) :recursive t :confirmed t)
                                      path
                                      (lambda ()
                                        (rbridge-tree-refresh folder (rbridge-path-above path))))))))))))

(defun rbridge-browse--question (folder path data)
  "What is asked before PATH of FOLDER is removed; DATA is what the host says of it."
  (let* ((directory (equal (plist-get data :type) "directory"))
         (entries (or (plist-get data :entries) 0))
         (more (plist-get data :more)))
    (format "Remove %s%s from %s%s? " (rbridge-path-shown path) (if directory "/" "") (rbridge-folder-host folder)
            (cond ((not directory) "")
                  ((and (= entries 0) (not more)) ", which is empty")
                  (t (format ", with %s%d %s in it" (if more "more than " "") entries
                             (if (= entries 1) "name" "names")))))))

(provide 'rbridge-browse)
;;; rbridge-browse.el ends here
