;;; rbridge-find.el --- A file of a folder by some letters of its path  -*- lexical-binding: t -*-

;; The host looks for each input, and what it has found is offered by whatever completes in the minibuffer.  A newer
;; input gives up the search for an older one.

;;; Code:

(require 'cl-lib)
(require 'rbridge-browse)
(require 'rbridge-folder)
(require 'rbridge-link)
(require 'rbridge-path)
(require 'rbridge-save)
(require 'rbridge-text)
(require 'seq)
(require 'subr-x)

(declare-function icomplete-minibuffer-setup "icomplete")
(defvar icomplete-mode)

(defcustom rbridge-find-as-you-type t
  "Whether `rbridge-find-file' shows what was found while you type, by Icomplete.
Where your settings have something else for that, it is left to them."
  :type 'boolean :group 'rbridge)

(defvar rbridge-find-most 200 "Files that are offered.")
(defvar rbridge-find-history nil "What was looked for; no setting keeps it on the disk.")
(defvar savehist-ignored-variables)
(with-eval-after-load 'savehist (add-to-list 'savehist-ignored-variables 'rbridge-find-history))
(defconst rbridge-find--look 0.05 "Seconds between looks whether there is an answer.")

(cl-defstruct (rbridge-find (:copier nil))
  "What the host said last: FOUND are pairs of a path as it is shown and as it is, the best first, for QUERY; TRUNCATED:
there are more.  FAULT is why it said nothing; HINT is the overlay that tells so."
  folder query found truncated fault hint)

(defun rbridge-find--ask (find query)
  "Have the host of FIND look for QUERY, and wait for that; input, or a quit, gives it up."
  (let ((folder (rbridge-find-folder find)) (over nil) (result nil) (fault nil) number)
    (unwind-protect
        (progn
          (setq number (rbridge-folder-ask
                        folder "fs/find" (list :query query :limit rbridge-find-most)
                        (lambda (said why) (setq over t result said fault why))))
          (while (not over) (rbridge-link-wait rbridge-find--look)))
      (unless over (rbridge-link-cancel number)))
    (setf (rbridge-find-fault find) fault
          (rbridge-find-query find) query
          (rbridge-find-truncated find) (plist-get result :truncated)
          (rbridge-find-found find)
          (mapcar (lambda (path) (cons (substring-no-properties (rbridge-path-shown path)) path))
                  (rbridge-path-all-heard result)))))

(defun rbridge-find--look (find query)
  "What FIND has for QUERY: pairs of a path as it is shown and as it is."
  (cond ((string= query "") nil)
        (t (unless (equal query (rbridge-find-query find)) (rbridge-find--ask find query))
           (rbridge-find--hint find)
           (rbridge-find-found find))))

(defun rbridge-find--hint (find)
  "Tell at the end of the minibuffer what FIND lacks."
  (when-let ((hint (rbridge-find-hint find)))
    (let ((words (cond ((rbridge-find-fault find) (plist-get (rbridge-find-fault find) :message))
                       ((rbridge-find-truncated find) (format "the first %d" (length (rbridge-find-found find)))))))
      (overlay-put hint 'before-string
                   (and words (propertize (format "[%s] " (rbridge-path-shown words)) 'face 'shadow))))))

(defun rbridge-find--table (find)
  "A completion table of what the host of FIND has found."
  (lambda (string _predicate action)
    (pcase action
      ('metadata '(metadata (category . rbridge-file) (display-sort-function . identity)
                            (cycle-sort-function . identity)))
      (`(boundaries . ,_) nil)
      ('lambda (and (assoc string (rbridge-find-found find)) t))
      (_ (let ((all (mapcar #'car (rbridge-find--look find string))))
           (if action all (rbridge-find--common string all)))))))

;; The host has chosen what fits: each of them does, whatever it begins with.

(defun rbridge-find--common (string all)
  "What STRING becomes where ALL fit: the only one, t if it is that already; else it stays.  Nil where there is none."
  (cond ((null all) nil)
        ((cdr all) string)
        ((equal (car all) string) t)
        (t (car all))))

(defun rbridge-find--all (string table _predicate _point)
  "All that TABLE has for STRING; in a list, all fit."
  (if (functionp table) (funcall table string nil t) table))

(defun rbridge-find--try (string table predicate point)
  "What STRING, with point at POINT, becomes by `rbridge-find--all' of TABLE and PREDICATE, and where point is then."
  (let ((found (rbridge-find--common string (rbridge-find--all string table predicate point))))
    (cond ((memq found '(nil t)) found)
          ((equal found string) (cons string point))
          (t (cons found (length found))))))

(add-to-list 'completion-styles-alist
             '(rbridge rbridge-find--try rbridge-find--all "What the host of an rbridge folder has found."))

;; The minibuffer

(defun rbridge-find--plain-p ()
  "Whether nothing of the user's settings shows candidates while he types."
  (and (eq completing-read-function #'completing-read-default)
       (not (seq-some (lambda (mode) (and (boundp mode) (symbol-value mode)))
                      '(icomplete-mode fido-mode fido-vertical-mode vertico-mode selectrum-mode ido-everywhere
                        ivy-mode helm-mode mct-mode)))))

(defun rbridge-find--setup (find)
  "Prepare the minibuffer for FIND."
  (setf (rbridge-find-hint find) (make-overlay (minibuffer-prompt-end) (minibuffer-prompt-end) nil t))
  (setq-local completion-styles '(rbridge)) ; last of all: Fido has its own
  (when (and rbridge-find-as-you-type (rbridge-find--plain-p))
    (require 'icomplete)
    (setq-local icomplete-mode t)
    (icomplete-minibuffer-setup)))

(defun rbridge-find--read (find)
  "Ask for a file of FIND, and return what was given: a path, or some letters of one."
  (unwind-protect
      (minibuffer-with-setup-hook (:append (lambda () (rbridge-find--setup find)))
        (completing-read
         (format "Find file in %s: " (rbridge-path-shown (rbridge-folder-name (rbridge-find-folder find))))
         (rbridge-find--table find) nil nil nil 'rbridge-find-history))
    (when (rbridge-find-hint find) (delete-overlay (rbridge-find-hint find)))
    (setf (rbridge-find-hint find) nil)))

(defun rbridge-find-file ()
  "Open a file of the folder by some letters of its path: the one that is given, or the first that the host finds."
  (interactive)
  (let* ((folder (rbridge-folder-here))
         (find (make-rbridge-find :folder folder))
         (given (rbridge-find--read find))
         found)
    (when (rbridge-find-fault find) (setf (rbridge-find-query find) nil)) ; it is asked once more
    (setq found (or (assoc given (rbridge-find-found find)) (car (rbridge-find--look find given))))
    (cond (found (rbridge-browse-visit folder (cdr found)))
          ((rbridge-find-fault find) (rbridge-folder-say folder given (rbridge-find-fault find)))
          ((string= given "") (rbridge-text-fail "some letters of its path are needed"))
          (t (rbridge-text-fail "%s has no file like %s" (rbridge-path-shown (rbridge-folder-name folder)) given)))))

(provide 'rbridge-find)
;;; rbridge-find.el ends here
