;;; rbridge-tree.el --- What is in a folder, as lines of a buffer  -*- lexical-binding: t -*-

;; A line for each name, below that of its directory.  What the host says is merged into them page by page, in the
;; order of the names: only what differs is touched, so that point, marks and what is unfolded stay.

;;; Code:

(require 'cl-lib)
(require 'rbridge-folder)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'seq)
(require 'subr-x)

(cl-defstruct (rbridge-node (:copier nil))
  "A name.  PATH is below the root, which has no name; ENTRY is what the host said; OPEN: what is in it is shown.
KEY is what it is sorted by.  LISTING is what is being read now; AGAIN: it is read once more after that, and what is
called then; NOTE is what stands behind the name."
  name key path entry (depth 0) parent open children listing again note)

(defconst rbridge-tree--first 200 "Entries of the first page.")
(defconst rbridge-tree--page 400 "Entries of a page; Emacs does nothing else while it draws them.")
(defvar rbridge-tree-most 10000 "Entries of a directory that are shown.")
(defconst rbridge-tree--watched 500 "Directories that can be watched.")

(defun rbridge-tree-directory-p (node)
  "Whether NODE is a directory."
  (or (null (rbridge-node-parent node)) (equal (plist-get (rbridge-node-entry node) :type) "directory")))

(defun rbridge-tree--node (parent entry)
  "A node in PARENT for ENTRY, as the host says it."
  (let ((name (rbridge-path-heard (plist-get entry :name) (plist-get entry :encoded)))
        (above (rbridge-node-path parent)))
    (make-rbridge-node :name name :key (rbridge-path-bytes name) :entry entry :parent parent
                       :path (if (string= above "") name (concat above "/" name))
                       :depth (1+ (rbridge-node-depth parent)))))

(defun rbridge-tree-find (folder path)
  "The node of PATH in FOLDER, if it is shown."
  (let ((node (rbridge-folder-root folder)))
    (dolist (name (split-string path "/" t))
      (setq node (and node (seq-find (lambda (one) (equal (rbridge-node-name one) name))
                                     (rbridge-node-children node)))))
    node))

(defun rbridge-tree--opened (node)
  "NODE and what is below it, as far as that is unfolded."
  (and (rbridge-node-open node)
       (cons node (mapcan #'rbridge-tree--opened
                          (seq-filter #'rbridge-node-open (rbridge-node-children node))))))

;; Lines

(defun rbridge-tree--modes (entry)
  "The first column for ENTRY, as that of ls."
  (let ((mode (or (plist-get entry :mode) 0)))
    (concat (pcase (plist-get entry :type) ("directory" "d") ("link" "l") ("file" "-") (_ "?"))
            (mapconcat (lambda (shift)
                         (let ((bits (ash mode (- shift))))
                           (string (if (zerop (logand bits 4)) ?- ?r) (if (zerop (logand bits 2)) ?- ?w)
                                   (if (zerop (logand bits 1)) ?- ?x))))
                       '(6 3 0) ""))))

(defun rbridge-tree--details (entry)
  "What stands before the name of ENTRY."
  (let ((time (or (plist-get entry :mtime) 0)))
    (format "%s %6s  %s  " (rbridge-tree--modes entry)
            (if (equal (plist-get entry :type) "file") (file-size-human-readable (or (plist-get entry :size) 0)) "")
            (if (eql time 0) (make-string 16 ?\s) (format-time-string "%Y-%m-%d %H:%M" (/ time 1000))))))

(defun rbridge-tree--line (folder node)
  "The line of NODE in FOLDER, without its end."
  (let* ((entry (rbridge-node-entry node)) (link (plist-get entry :link))
         (name (if (rbridge-node-parent node)
                   (concat (rbridge-path-shown (rbridge-node-name node))
                           (if (rbridge-tree-directory-p node) "/" ""))
                 (rbridge-folder-title folder))))
    (propertize
     (concat
      (when (rbridge-node-parent node)
        (concat "  " (propertize (rbridge-tree--details entry) 'invisible 'rbridge-details 'face 'shadow)
                (make-string (* 2 (1- (rbridge-node-depth node))) ?\s)))
      (propertize name 'rbridge-name t 'mouse-face 'highlight
                  'font-lock-face (cond ((null (rbridge-node-parent node)) 'font-lock-type-face)
                                        ((rbridge-tree-directory-p node) 'font-lock-function-name-face)
                                        (link 'font-lock-keyword-face)
                                        (t 'default)))
      (when link (concat " -> " (rbridge-path-shown link)
                         (cond ((plist-get entry :outside) " (outside)") ((plist-get entry :dangling) " (dangling)")
                               (t ""))))
      (when (rbridge-node-note node)
        (concat "  " (propertize (format "[%s]" (rbridge-path-shown (rbridge-node-note node)))
                                 'font-lock-face 'warning))))
     'rbridge-node node)))

(defun rbridge-tree-at (&optional place)
  "The node of the line at PLACE, or at point."
  (get-text-property (save-excursion (goto-char (or place (point))) (line-beginning-position)) 'rbridge-node))

(defun rbridge-tree-place (node)
  "Where the line of NODE begins in the current buffer, nil where it is not shown."
  (text-property-any (point-min) (point-max) 'rbridge-node node))

(defun rbridge-tree-to-name ()
  "Go to the name in this line."
  (let ((end (line-end-position)))
    (goto-char (line-beginning-position))
    (goto-char (or (text-property-any (point) end 'rbridge-name t) (point)))))

(defun rbridge-tree-goto (folder path)
  "Go to the line of PATH in FOLDER, in all windows that show it, if it is there."
  (with-current-buffer (rbridge-folder-buffer folder)
    (when-let* ((node (rbridge-tree-find folder path)) (place (rbridge-tree-place node)))
      (goto-char place)
      (rbridge-tree-to-name)
      (dolist (window (get-buffer-window-list nil nil t)) (set-window-point window (point))))))

(defun rbridge-tree-reach (folder nodes)
  "Go to the goal of FOLDER if it is one of NODES, which are shown now, unless the user went on meanwhile."
  (pcase (rbridge-folder-goal folder)
    ((and `(,path . ,keys) (guard (seq-find (lambda (one) (equal (rbridge-node-path one) path)) nodes)))
     (setf (rbridge-folder-goal folder) nil)
     (when (= keys num-input-keys) (rbridge-tree-goto folder path)))))

(defun rbridge-tree--lines (node)
  "The number of lines below that of NODE which belong to it."
  (let ((lines 0))
    (when (rbridge-node-open node)
      (dolist (child (rbridge-node-children node))
        (setq lines (+ lines 1 (if (rbridge-node-open child) (rbridge-tree--lines child) 0)))))
    lines))

(defun rbridge-tree--pass (node)
  "Go from the beginning of the line of NODE to behind all that belongs to it."
  (forward-line (1+ (rbridge-tree--lines node))))

(defun rbridge-tree--spots ()
  "Where point is, and that of each window: lists of the window, the node and the column."
  (mapcar (lambda (window)
            (save-excursion
              (when window (goto-char (window-point window)))
              (list window (rbridge-tree-at) (- (point) (line-beginning-position)))))
          (cons nil (get-buffer-window-list nil nil t))))

(defun rbridge-tree--back (spot)
  "Go back to SPOT; where its line is gone, to the name of the one that is there now."
  (pcase-let ((`(,window ,node ,column) spot))
    (when window (goto-char (window-point window)))
    (unless (and (eq node (rbridge-tree-at)) (= column (- (point) (line-beginning-position))))
      (let ((place (and node (rbridge-tree-place node))))
        (if place
            (progn (goto-char place)
                   (goto-char (min (+ place column) (line-end-position))))
          (when (and (eobp) (not (bobp))) (forward-line -1))
          (rbridge-tree-to-name))))
    (when window (set-window-point window (point)))))

(defmacro rbridge-tree--changing (folder &rest body)
  "Run BODY, which changes the lines of FOLDER; the user stays in the line where he was."
  (declare (indent 1) (debug t))
  `(with-current-buffer (rbridge-folder-buffer ,folder)
     (let ((spots (rbridge-tree--spots)))
       (with-silent-modifications (save-excursion ,@body))
       (dolist (spot (cdr spots)) (save-excursion (rbridge-tree--back spot)))
       (rbridge-tree--back (car spots)))))

(defun rbridge-tree--redraw (folder node)
  "Draw the line of NODE in FOLDER anew, point being at its beginning."
  (let ((from (point)))
    (delete-region from (line-end-position))
    (insert (rbridge-tree--line folder node))
    (goto-char from)))

(defun rbridge-tree-note (folder node note)
  "Have NOTE stand behind the name of NODE in FOLDER; nil: nothing."
  (unless (equal note (rbridge-node-note node))
    (setf (rbridge-node-note node) note)
    (rbridge-tree--changing folder
      (when-let ((place (rbridge-tree-place node)))
        (goto-char place)
        (rbridge-tree--redraw folder node)))))

;; Merging

(defun rbridge-tree--insert (folder nodes)
  "Insert the lines of NODES, new ones of FOLDER."
  (insert (mapconcat (lambda (node)
                       (concat (rbridge-tree--line folder node) (propertize "\n" 'rbridge-node node)))
                     nodes "")))

(defun rbridge-tree--merge (folder node after entries last)
  "ENTRIES are all that NODE of FOLDER has behind the key AFTER, up to LAST; nil is the beginning or the end."
  (let* ((old (rbridge-node-children node))
         (before (and after (seq-take-while (lambda (one) (not (string< after (rbridge-node-key one)))) old)))
         (rest (nthcdr (length before) old))
         (fresh (mapcar (lambda (entry) (rbridge-tree--node node entry)) entries))
         (gc-cons-threshold (* 64 1024 1024)) ; once at the end, and not while each few lines are drawn
         merged new added)
    (rbridge-tree--changing folder
      (goto-char (rbridge-tree-place (or (car (last before)) node)))
      (if before (rbridge-tree--pass (car (last before))) (forward-line 1))
      (while (or fresh (and rest (not (and last (string< last (rbridge-node-key (car rest)))))))
        (let ((theirs (car fresh)) (ours (car rest)))
          (if (and theirs (or (null ours) (string< (rbridge-node-key theirs) (rbridge-node-key ours))))
              (progn (push theirs new) (push theirs added) (push theirs merged) (pop fresh))
            (rbridge-tree--insert folder (nreverse new))
            (setq new nil)
            (pop rest)
            (if (and theirs (equal (rbridge-node-key theirs) (rbridge-node-key ours))
                     (eq (rbridge-tree-directory-p theirs) (rbridge-tree-directory-p ours)))
                (progn
                  (pop fresh)
                  (push ours merged)
                  (unless (equal (rbridge-node-entry ours) (rbridge-node-entry theirs))
                    (setf (rbridge-node-entry ours) (rbridge-node-entry theirs))
                    (rbridge-tree--redraw folder ours))
                  (rbridge-tree--pass ours))
              (delete-region (point) (save-excursion (rbridge-tree--pass ours) (point)))
              (rbridge-tree--forget ours)))))
      (rbridge-tree--insert folder (nreverse new))
      (setf (rbridge-node-children node) (nconc (copy-sequence before) (nreverse merged) rest)))
    ;; At once: who sees a name come does not see the line change under a key that is on its way.
    (rbridge-tree-reach folder added)))

(defun rbridge-tree--forget (node)
  "NODE is shown no longer, and nothing below it."
  (mapc #'rbridge-tree--forget (rbridge-node-children node))
  (setf (rbridge-node-open node) nil
        (rbridge-node-children node) nil
        (rbridge-node-listing node) nil))

;; Reading

(defun rbridge-tree-read (folder node &optional then)
  "Read what is in NODE of FOLDER, which is open; THEN is called when it is shown, or cannot be."
  (if (rbridge-node-listing node)
      (push (or then #'ignore) (rbridge-node-again node))
    (setf (rbridge-node-listing node) (list then))
    (rbridge-tree--read-page folder node (rbridge-node-listing node) nil 0)))

(defun rbridge-tree--read-page (folder node listing after count)
  "Go on with LISTING of NODE in FOLDER behind the name AFTER; COUNT were there before."
  (rbridge-folder-ask
   folder "fs/list"
   `(,@(apply #'rbridge-path-say :path (rbridge-node-path node) (and after (list :after after)))
     :limit ,(if after rbridge-tree--page rbridge-tree--first))
   (lambda (result fault)
     (when (and (eq listing (rbridge-node-listing node)) (buffer-live-p (rbridge-folder-buffer folder)))
       (if fault
           (rbridge-tree--end folder node listing (rbridge-tree--why folder fault))
         (let* ((entries (append (plist-get result :entries) nil))
                (next (and (plist-get result :next)
                           (rbridge-path-heard (plist-get result :next) (plist-get result :encoded))))
                (count (+ count (length entries)))
                (full (and next (>= count rbridge-tree-most))))
           (rbridge-tree--merge folder node (and after (rbridge-path-bytes after)) entries
                                (and next (not full) (rbridge-path-bytes next)))
           (if (or full (null next))
               (rbridge-tree--end folder node listing
                                  (and full (format "the first %d; there are more" count)))
             (when (rbridge-node-note node) (rbridge-tree-note folder node (format "%d..." count)))
             (rbridge-tree--read-page folder node listing next count))))))))

(defun rbridge-tree--why (folder fault)
  "What stands behind the name of a directory of FOLDER that could not be read because of FAULT."
  (if (or (not rbridge-link-ready) (rbridge-folder-lost folder) (not (rbridge-folder-connected folder)))
      "not connected"
    (plist-get fault :message)))

(defun rbridge-tree--end (folder node listing note)
  "LISTING of NODE in FOLDER is over, and left NOTE."
  (rbridge-tree-note folder node note)
  (setf (rbridge-node-listing node) nil)
  (let ((again (rbridge-node-again node)))
    (setf (rbridge-node-again node) nil)
    (when again
      (rbridge-tree-read folder node (lambda () (mapc #'funcall (reverse again))))))
  (when (car listing) (funcall (car listing))))

(defun rbridge-tree-unfold (folder node &optional then)
  "Show what is in NODE of FOLDER; THEN is called when it is there."
  (if (rbridge-node-open node)
      (when then (if (rbridge-node-listing node) (push then (rbridge-node-again node)) (funcall then)))
    (setf (rbridge-node-open node) t)
    (rbridge-tree-watch folder)
    (rbridge-tree-note folder node "...")
    (rbridge-tree-read folder node then)))

(defun rbridge-tree-fold (folder node)
  "Show no longer what is in NODE of FOLDER."
  (rbridge-tree--changing folder
    (goto-char (rbridge-tree-place node))
    (forward-line 1)
    (delete-region (point) (progn (forward-line (rbridge-tree--lines node)) (point)))
    (rbridge-tree--forget node))
  (rbridge-tree-note folder node nil)
  (rbridge-tree-watch folder))

(defun rbridge-tree-watch (folder)
  "Have the host tell what changes in the directories of FOLDER that are shown."
  (let ((paths (mapcar #'rbridge-node-path (rbridge-tree--opened (rbridge-folder-root folder)))))
    (rbridge-folder-ask folder "fs/watch" (rbridge-path-say-all (seq-take paths rbridge-tree--watched)) #'ignore)))

(defun rbridge-tree-refresh (folder &optional path then)
  "Read anew the directory PATH of FOLDER, if it is shown; without PATH all that are shown.
THEN is called when that one, or the root, was read."
  (if path
      (let ((node (rbridge-tree-find folder path)))
        (when (and node (rbridge-node-open node)) (rbridge-tree-read folder node then)))
    (dolist (node (rbridge-tree--opened (rbridge-folder-root folder)))
      (rbridge-tree-read folder node (and (null (rbridge-node-parent node)) then)))))

(defun rbridge-tree-changed (params)
  "Of what is watched something has changed, as PARAMS of `fs/changed' say."
  (when-let ((folder (rbridge-folder-of (plist-get params :folder))))
    (dolist (path (rbridge-path-all-heard params))
      (rbridge-tree-refresh folder path))))

(provide 'rbridge-tree)
;;; rbridge-tree.el ends here
