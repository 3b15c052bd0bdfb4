;;; rbridge-search.el --- A search in the files of a folder  -*- lexical-binding: t -*-

;; A buffer as that of grep: a line for each match, RET and `next-error' go there.

;;; Code:

(require 'cl-lib)
(require 'rbridge-browse)
(require 'rbridge-folder)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'rbridge-text)
(require 'subr-x)

(defvar rbridge-search-most 1000 "Matches that are listed.")
(defvar rbridge-search-history nil "What was searched; no setting keeps it on the disk.")
(defvar savehist-ignored-variables)
(with-eval-after-load 'savehist (add-to-list 'savehist-ignored-variables 'rbridge-search-history))

(defvar-local rbridge-search--query nil "What is searched here, as `fs/search' has it.")
(defvar-local rbridge-search--number nil "The request that is under way, if one is.")
(defvar-local rbridge-search--state "" "How it stands.")

(defvar rbridge-search-mode-map
  (let ((map (make-sparse-keymap)))
    (pcase-dolist (`(,key ,command)
                   '(("RET" rbridge-search-open) ("o" rbridge-search-open) ("C-o" rbridge-search-display)
                     ("<mouse-2>" rbridge-search-click) ("n" rbridge-search-next) ("p" rbridge-search-previous)
                     ("TAB" rbridge-search-next) ("<backtab>" rbridge-search-previous)
                     ("k" rbridge-search-cancel) ("C-c C-k" rbridge-search-cancel)))
      (define-key map (kbd key) command))
    (define-key map [follow-link] 'mouse-face)
    map)
  "Keys in what a search has found.")

(define-derived-mode rbridge-search-mode special-mode "Search"
  "What a search in a folder of a host has found.
\\{rbridge-search-mode-map}"
  (setq-local revert-buffer-function (lambda (&rest _) (rbridge-search--begin)))
  (setq-local next-error-function #'rbridge-search--next-error)
  (setq-local mode-line-process '(:eval (concat " " rbridge-search--state)))
  (setq-local bidi-paragraph-direction 'left-to-right)
  (setq truncate-lines t
        buffer-undo-list t
        default-directory (expand-file-name "~/"))
  (add-hook 'kill-buffer-hook #'rbridge-search-cancel nil t))

(defun rbridge-search (query &optional regexp include exclude)
  "List where QUERY is in the files of the folder; with regard to case where it has a capital.
With a prefix argument REGEXP it is a regular expression, as the host's program for that has them, and it is asked
in which files: INCLUDE and EXCLUDE are patterns with commas between."
  (interactive
   (let* ((folder (rbridge-folder-here)) (word (and (not rbridge-folder) (thing-at-point 'symbol t))))
     (cons (read-string (format "Search in %s%s: " (rbridge-path-shown (rbridge-folder-name folder))
                                (if word (format " (default %s)" word) ""))
                        nil 'rbridge-search-history word)
           (and current-prefix-arg
                (list t (read-string "In files like (such as *.py, empty: all): " nil t)
                      (read-string "But not like (such as tests/,*.log): " nil t))))))
  (let ((folder (rbridge-folder-here)))
    (when (string= query "") (rbridge-text-fail "nothing to search for"))
    (with-current-buffer (get-buffer-create (rbridge-browse-search-name folder))
      (rbridge-search-mode)
      (setq rbridge-folder folder
            rbridge-search--query (list :query query :regex (if regexp t :json-false) :include (or include "")
                                        :exclude (or exclude "") :limit rbridge-search-most))
      (setq next-error-last-buffer (current-buffer))
      (pop-to-buffer (current-buffer))
      (rbridge-search--begin))))

(defun rbridge-search--begin ()
  "Search for what this buffer is about, and list it here."
  (rbridge-search-cancel)
  (let ((buffer (current-buffer)) (count 0))
    (with-silent-modifications
      (erase-buffer)
      (insert (format "Search for %s in %s\n\n" (rbridge-path-shown (plist-get rbridge-search--query :query))
                      (rbridge-folder-title rbridge-folder))))
    (goto-char (point-min))
    (setq rbridge-search--state "searches")
    (letrec ((here (lambda () (and (buffer-live-p buffer)
                                   (eq number (buffer-local-value 'rbridge-search--number buffer)))))
             (found (lambda (params)
                      (when (funcall here)
                        (with-current-buffer buffer
                          (cl-incf count (length (plist-get params :matches)))
                          (rbridge-search--add (plist-get params :matches))))))
             (number (rbridge-folder-stream
                      rbridge-folder "fs/search" rbridge-search--query found
                      (lambda (result fault)
                        (when (funcall here)
                          (with-current-buffer buffer
                            (rbridge-search--end (rbridge-search--words count result fault))))))))
      (setq rbridge-search--number number))))

(defun rbridge-search--words (count result fault)
  "How a search that has found COUNT has ended, as RESULT and FAULT say."
  (cond (fault (plist-get fault :message))
        ((plist-get result :truncated) (format "the first %d matches; there are more" count))
        (t (format "%d %s" count (if (= count 1) "match" "matches")))))

(defun rbridge-search--end (words)
  "Say by WORDS how the search of this buffer has ended."
  (setq rbridge-search--number nil
        rbridge-search--state "ended")
  (with-silent-modifications
    (save-excursion
      (goto-char (point-max))
      (insert "\n" (rbridge-path-shown words) "\n")))
  (message "rbridge: %s" (rbridge-path-shown words))
  (force-mode-line-update))

(defun rbridge-search-cancel ()
  "Give up the search of this buffer, if it goes on."
  (interactive)
  (when rbridge-search--number
    (rbridge-link-cancel rbridge-search--number)
    (rbridge-search--end "given up")))

(defun rbridge-search--add (matches)
  "List MATCHES behind those that are there."
  (let ((first (= (point) (point-min))))
    (with-silent-modifications
      (save-excursion
        (goto-char (point-max))
        (mapc #'rbridge-search--insert matches)))
    (when first (rbridge-search-next))))

(defun rbridge-search--insert (match)
  "Insert the line of MATCH."
  (let* ((path (rbridge-path-heard (plist-get match :path) (plist-get match :encoded)))
         (text (plist-get match :text))
         (from (min (length text) (max 0 (- (plist-get match :column) (or (plist-get match :from) 1)))))
         (to (min (length text) (+ from (plist-get match :length)))))
    (insert (propertize
             (concat (propertize (rbridge-path-shown path) 'font-lock-face 'font-lock-function-name-face) ":"
                     (number-to-string (plist-get match :line)) ":" (number-to-string (plist-get match :column)) ":"
                     (rbridge-search--shown (substring text 0 from))
                     (propertize (rbridge-search--shown (substring text from to)) 'font-lock-face 'match)
                     (rbridge-search--shown (substring text to)))
             'rbridge-match (list path (plist-get match :line) (plist-get match :column))
             'mouse-face 'highlight)
            "\n")))

(defun rbridge-search--shown (text)
  "TEXT of a file, with its tabs, in one line that does nothing to a screen."
  (mapconcat #'rbridge-path-shown (split-string text "\t") "\t"))

;; Going there

(defun rbridge-search-next (&optional count)
  "Go to the COUNTth match from here."
  (interactive "p")
  (let ((step (if (< (or count 1) 0) -1 1)) (left (abs (or count 1))) (place (point)))
    (while (and (> left 0) (= 0 (forward-line step)) (not (eobp)))
      (when (get-text-property (point) 'rbridge-match)
        (setq left (1- left) place (point))))
    (goto-char place)
    (when (and (> left 0) (called-interactively-p 'any)) (rbridge-text-fail "there is no other match"))))

(defun rbridge-search-previous (&optional count)
  "Go to the COUNTth match before."
  (interactive "p")
  (rbridge-search-next (- (or count 1))))

(defun rbridge-search--visit (how)
  "Show the match of this line, HOW as in `rbridge-browse-visit'."
  (pcase (get-text-property (line-beginning-position) 'rbridge-match)
    (`(,path ,line ,column)
     (setq next-error-last-buffer (current-buffer))
     (rbridge-browse-visit rbridge-folder path how (list :line line :column column)))
    (_ (rbridge-text-fail "there is no match in this line"))))

(defun rbridge-search-open ()
  "Show the match of this line in another window."
  (interactive)
  (rbridge-search--visit '(:beside t)))

(defun rbridge-search-display ()
  "Show the match of this line in another window, and stay here."
  (interactive)
  (rbridge-search--visit '(:keepFocus t)))

(defun rbridge-search-click (event)
  "Show the match where EVENT was."
  (interactive "e")
  (select-window (posn-window (event-end event)))
  (goto-char (posn-point (event-end event)))
  (rbridge-search-open))

(defun rbridge-search--next-error (count reset)
  "Show the match that is COUNT lines on; RESET: from the first one.  For `next-error'."
  (when reset (goto-char (point-min)))
  (let ((before (point)))
    (rbridge-search-next count)
    (when (and (= before (point)) (/= count 0)) (rbridge-text-fail "there is no other match"))
    (dolist (window (get-buffer-window-list nil nil t)) (set-window-point window (point)))
    (rbridge-search--visit '(:beside t))))

(provide 'rbridge-search)
;;; rbridge-search.el ends here
