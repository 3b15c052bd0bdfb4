;;; rbridge-link.el --- The connection to the daemon  -*- lexical-binding: t -*-

;; Made again every second when it is not there, for as long as the mode is on.
;;
;; Of jsonrpc.el this takes the numbering and the matching of answers.  Its own process connection would decode
;; texts in a buffer, write them into a log, and answer a request only with what its handler returns at once.

;;; Code:

(require 'cl-lib)
(require 'json)
(require 'jsonrpc)
(require 'seq)
(require 'subr-x)

(defconst rbridge-link-version 1 "Of the attach protocol.")
(defconst rbridge-link-lost -32000 "Our own code: the connection ended before the answer.")
(defconst rbridge-link--limit (* 16 1024 1024) "Bytes of a message.")
(defconst rbridge-link--headers 4096 "Bytes of what stands before it.")
(defconst rbridge-link--retry 1 "Seconds until a connection is tried again.")
(defconst rbridge-link--other-version 60 "The same, after the daemon refused this plug-in.")
(defconst rbridge-link--pause 0.1 "Seconds until it is looked again whether the user is in the middle of something.")

(defvar rbridge-link-handlers nil
  "A plist of functions, given by whoever starts the connection.
:buffers    what `initialize' says of the texts that are still here, a list of plists
:folders    likewise of the folders
:begun      called with the result of `initialize'
:lost       called when the connection ended
:refused    called with the message of a daemon that refuses this plug-in
:request    called with METHOD, PARAMS and ANSWER when the user is in the middle of nothing
:notice     called with METHOD and PARAMS, likewise
:at-once    called with METHOD and PARAMS: whether that notice waits for nothing
:wanted     whether there is somebody to show a text to
:lsp        whether language servers of hosts are wanted")

(defvar rbridge-link-ready nil "Whether the daemon has greeted.")
(defvar rbridge-link-busy nil "Bound to t while a command waits: what the daemon wants done waits too.")
(defvar rbridge-link-directory nil "The directory of the daemon's socket, in memory.")
(defvar rbridge-link--connection nil)
(defvar rbridge-link--number nil "The id of the request that was sent last.")
(defvar rbridge-link--timer nil)

;; Where the daemon's socket is: the same search as the daemon's own, and the same checks.  Nothing is created.

(defun rbridge-link--alone-p (file kind)
  "Whether FILE is ours alone, and what KIND says: the first letter of its modes."
  (let ((found (file-attributes file 'integer)))
    (and found
         (eql (file-attribute-user-id found) (user-uid))
         (string-match-p (concat "\\`" kind "...------\\'") (file-attribute-modes found)))))

(defun rbridge-link--safe-p (directory)
  "Whether DIRECTORY is ours alone, and nobody can put another one in its place."
  (let ((above (file-attributes (file-name-directory directory) 'integer)))
    (and above
         (rbridge-link--alone-p directory "d")
         (string-match-p "\\`d.......\\(-.\\|.[tT]\\)" (file-attribute-modes above)))))

(defun rbridge-link-candidates ()
  "The directories that may have the socket, in order."
  (let ((given (or (getenv "RBRIDGE_RUNTIME_DIR") ""))
        (runtime (or (getenv "XDG_RUNTIME_DIR") ""))
        (temporary (or (getenv "TMPDIR") ""))
        (own (format "rbridge-%d" (user-uid))))
    (if (not (string= given ""))
        (list (directory-file-name (expand-file-name given)))
      (delq nil
            (list (and (file-name-absolute-p runtime)
                       (eql (file-attribute-user-id (file-attributes (file-name-as-directory runtime) 'integer))
                            (user-uid))
                       (expand-file-name "rbridge" runtime))
                  (expand-file-name own "/dev/shm")
                  (expand-file-name own (if (file-name-absolute-p temporary) temporary "/tmp"))
                  (expand-file-name (format ".rbridge/%s/run" (replace-regexp-in-string "/" "_" (system-name)))
                                    "~"))))))

(defun rbridge-link--socket ()
  "The socket of a daemon of ours, nil where there is none."
  (let* ((file-name-handler-alist nil)
         (directory (seq-find #'rbridge-link--safe-p (rbridge-link-candidates)))
         (socket (and directory (expand-file-name "editor.sock" directory))))
    (and socket (rbridge-link--alone-p socket "s") socket)))

;; Messages

(defclass rbridge-link-peer (jsonrpc-connection)
  ((process :initarg :process)
   (parts :initform nil :documentation "What came and was not looked at, the newest first.")
   (held :initform 0 :documentation "Its bytes.")
   (needed :initform 1 :documentation "Bytes that there have to be until it is worth looking.")
   (pending :initform nil :documentation "What is called with an error if the connection ends before an answer."))
  :documentation "JSON-RPC 2.0 with Content-Length framing over a Unix socket.")

(cl-defmethod jsonrpc-running-p ((connection rbridge-link-peer))
  "Whether CONNECTION is there."
  (process-live-p (oref connection process)))

(cl-defmethod jsonrpc-shutdown ((connection rbridge-link-peer) &optional _cleanup)
  "End CONNECTION."
  (delete-process (oref connection process)))

(cl-defmethod jsonrpc-connection-send ((connection rbridge-link-peer)
                                       &key id method (params nil params-p) (result nil result-p) error
                                       &allow-other-keys)
  "Send over CONNECTION what ID, METHOD, PARAMS, RESULT and ERROR say."
  (let* ((message `(:jsonrpc "2.0"
                    ,@(when id (list :id id))
                    ,@(when method (list :method (string-remove-prefix ":" (format "%s" method))))
                    ,@(when params-p (list :params params))
                    ,@(when result-p (list :result result))
                    ,@(when error (list :error error))))
         (json (json-serialize message :false-object :json-false))
         (body (if (multibyte-string-p json) (encode-coding-string json 'utf-8-unix t) json)))
    (when (and id method) (setq rbridge-link--number id))
    (when (jsonrpc-running-p connection)
      (condition-case fault
          (process-send-string (oref connection process)
                               (concat (format "Content-Length: %d\r\n\r\n" (length body)) body))
        (error (rbridge-link--end connection (error-message-string fault)))))))

(defun rbridge-link--feed (connection data)
  "Take in DATA from CONNECTION; it is looked at once there may be a whole message."
  (with-slots (parts held needed) connection
    (push data parts)
    (cl-incf held (length data))
    (while (and (>= held needed) (jsonrpc-running-p connection))
      (let* ((all (apply #'concat (reverse parts)))
             (stop (string-match "\r\n\r\n" all))
             (head (and stop (substring all 0 stop)))
             (length (and head
                          (let ((case-fold-search t)) (string-match "^content-length: *\\([0-9]+\\)\r?$" head))
                          (string-to-number (match-string 1 head)))))
        (setq parts (list all) needed (1+ held))
        (cond ((if stop (not (and length (<= length rbridge-link--limit))) (> held rbridge-link--headers))
               (rbridge-link--end connection "malformed message"))
              ((null stop))
              ((< held (+ stop 4 length)) (setq needed (+ stop 4 length)))
              (t
               (let ((body (substring all (+ stop 4) (+ stop 4 length))))
                 (setq all (substring all (+ stop 4 length)))
                 (setq parts (list all) held (length all) needed 1)
                 (rbridge-link--take connection body))))))))

(defun rbridge-link--parse (json)
  "What JSON says, objects being plists; nil where it is none."
  (condition-case nil
      (json-parse-string json :object-type 'plist :null-object nil :false-object nil)
    (error
     ;; The fast one refuses NUL, up to Emacs 29.
     (when (string-match-p "\\\\u0000" json)
       (let ((json-object-type 'plist) (json-array-type 'vector) (json-null nil) (json-false nil))
         (ignore-errors (json-read-from-string json)))))))

(defun rbridge-link--take (connection body)
  "Take in the message whose bytes are BODY."
  (let ((message (rbridge-link--parse (decode-coding-string body 'utf-8-unix t))))
    (cond ((not (and (consp message) (keywordp (car message)) (or (plist-get message :method) (plist-get message :id))))
           (rbridge-link--end connection "malformed message"))
          ((and (plist-get message :method) (plist-get message :id))
           (rbridge-link--requested connection (plist-get message :id) (plist-get message :method)
                                    (plist-get message :params)))
          (t (jsonrpc-connection-receive
              connection (cl-loop for (key value) on message by #'cddr
                                  when (memq key '(:jsonrpc :id :method :params :result :error))
                                  nconc (list key value)))))))

(defun rbridge-link--requested (connection id method params)
  "Have the request METHOD with PARAMS answered over CONNECTION as ID, when the user is in the middle of nothing."
  (let ((answer (lambda (result fault)
                  (if fault
                      (jsonrpc-connection-send connection :id id :error fault)
                    (jsonrpc-connection-send connection :id id :result result)))))
    (rbridge-link-later
     (lambda ()
       (condition-case fault
           (funcall (plist-get rbridge-link-handlers :request) method params answer)
         (error (funcall answer nil (list :code -32603
                                          :message (format "Emacs: %s" (error-message-string fault))))))))))

(defun rbridge-link--noticed (_connection method params)
  "The daemon said METHOD with PARAMS."
  (let ((notice (lambda ()
                  (funcall (plist-get rbridge-link-handlers :notice) (symbol-name method) params))))
    (if (funcall (plist-get rbridge-link-handlers :at-once) (symbol-name method) params)
        (funcall notice)
      (rbridge-link-later notice))))

;; What the daemon wants done, in its order, when the user is in the middle of nothing.

(defvar rbridge-link--queue nil)

(defun rbridge-link--busy-p ()
  "Whether the user is in the middle of a command."
  (or rbridge-link-busy real-this-command (active-minibuffer-window) executing-kbd-macro
      (> (length (this-single-command-keys)) 0)))

(defun rbridge-link-later (work)
  "Call WORK once the user is in the middle of nothing, after what came before."
  (unless rbridge-link--queue (run-with-timer 0 nil #'rbridge-link--drain))
  (setq rbridge-link--queue (nconc rbridge-link--queue (list work))))

(defun rbridge-link--drain ()
  "Do the next thing that waits.  One that asks the user something holds up the others."
  (if (rbridge-link--busy-p)
      (run-with-timer rbridge-link--pause nil #'rbridge-link--drain)
    (let ((work (pop rbridge-link--queue))
          (real-this-command nil)) ; what a question's minibuffer leaves there would count as a command
      (when rbridge-link--queue (run-with-timer 0 nil #'rbridge-link--drain))
      (condition-case fault
          (funcall work)
        (error (message "%s" (error-message-string fault)))))))

;; Asking

(defun rbridge-link-ask (method params done)
  "Ask the daemon METHOD with PARAMS; DONE is called once with the result and the error, of which one is nil.
Both are plists; an empty result is t.  Returns what `rbridge-link-cancel' takes."
  (let ((connection rbridge-link--connection)
        (lost (lambda (&rest _)
                (funcall done nil (list :code rbridge-link-lost :message "rbridge is not running")))))
    (if (not (and connection (or rbridge-link-ready (equal method "initialize"))))
        (progn (run-with-timer 0 nil lost) nil)
      (cl-flet ((over () (oset connection pending (delq lost (oref connection pending)))))
        (push lost (oref connection pending))
        (setq rbridge-link--number nil)
        (jsonrpc-async-request connection (intern method) params :timeout nil
                               :success-fn (lambda (result) (over) (funcall done (or result t) nil))
                               :error-fn (lambda (fault) (over) (funcall done nil fault)))
        rbridge-link--number))))

(defun rbridge-link-cancel (number)
  "Give up the request NUMBER; it is answered nevertheless.  Nil is none."
  (when number (rbridge-link-notify "$/cancelRequest" (list :id number))))

(defun rbridge-link-wait (seconds)
  "Wait until the daemon has said something, which is taken in then, but for SECONDS at the most.
To wait for no process in particular would go on after that for a while, in case there is more."
  (accept-process-output (and rbridge-link--connection (oref rbridge-link--connection process)) seconds))

(defun rbridge-link-notify (method params)
  "Tell the daemon METHOD with PARAMS, if it is there."
  (when rbridge-link-ready
    (jsonrpc-notify rbridge-link--connection (intern method) params)))

;; The connection

(defun rbridge-link--again (seconds)
  "Try to connect in SECONDS."
  (when rbridge-link--timer (cancel-timer rbridge-link--timer))
  (setq rbridge-link--timer (run-with-timer seconds nil #'rbridge-link-connect)))

(defun rbridge-link--end (connection _why &optional refused)
  "CONNECTION is over; what was asked and not answered gets an error.
REFUSED: there is no hurry to try again."
  (when (eq connection rbridge-link--connection)
    (let ((was-ready rbridge-link-ready))
      (setq rbridge-link--connection nil rbridge-link-ready nil)
      (jsonrpc-shutdown connection)
      (mapc #'funcall (reverse (oref connection pending)))
      (when was-ready (funcall (plist-get rbridge-link-handlers :lost)))
      (when rbridge-link-handlers
        (rbridge-link--again (if refused rbridge-link--other-version rbridge-link--retry))))))

(defun rbridge-link--greet (connection)
  "Say over CONNECTION who this is and what it still has."
  (let ((buffers (funcall (plist-get rbridge-link-handlers :buffers)))
        (folders (funcall (plist-get rbridge-link-handlers :folders))))
    (rbridge-link-ask
     "initialize"
     `(:version ,rbridge-link-version
       :client (:name "Emacs" :version ,emacs-version :plugin "0.1.0" :pid ,(emacs-pid))
       :capabilities (:base64 t :question t :folders t :diff t
                      ,@(when (funcall (plist-get rbridge-link-handlers :lsp)) '(:lsp t)))
       ,@(when buffers (list :buffers (vconcat buffers)))
       ,@(when folders (list :folders (vconcat folders))))
     (lambda (result fault)
       (cond (result
              (setq rbridge-link-ready t)
              (funcall (plist-get rbridge-link-handlers :begun) result))
             ((/= (plist-get fault :code) rbridge-link-lost)
              (funcall (plist-get rbridge-link-handlers :refused) (plist-get fault :message))
              (rbridge-link--end connection "refused" t)))))))

(defun rbridge-link-unlogged ()
  "What has a connection of jsonrpc.el keep no log; Emacs 30 warns of what older ones want."
  (if (slot-exists-p (find-class 'jsonrpc-connection) '-events-buffer-config)
      '(:events-buffer-config (:size 0))
    '(:events-buffer-scrollback-size 0)))

(defun rbridge-link-connect ()
  "Connect, if the daemon is there and somebody could see what it brings; else try again later."
  (unless rbridge-link--connection
    (let ((socket (and (funcall (plist-get rbridge-link-handlers :wanted)) (rbridge-link--socket))))
      (condition-case nil
          (if (not socket)
              (rbridge-link--again rbridge-link--retry)
            (let* ((process (make-network-process
                             :name "rbridge" :family 'local :service socket :coding 'binary :noquery t))
                   (connection (apply #'make-instance 'rbridge-link-peer :name "rbridge" :process process
                                      :notification-dispatcher #'rbridge-link--noticed
                                      (rbridge-link-unlogged))))
              (set-process-filter process (lambda (_process data) (rbridge-link--feed connection data)))
              (set-process-sentinel process (lambda (_process why) (rbridge-link--end connection why)))
              (setq rbridge-link--connection connection
                    rbridge-link-directory (file-name-directory socket))
              (rbridge-link--greet connection)))
        (file-error (rbridge-link--again rbridge-link--retry))))))

(defun rbridge-link-start (handlers)
  "Begin to look for the daemon, with HANDLERS as in `rbridge-link-handlers'."
  (unless (fboundp 'json-serialize)
    (user-error "rbridge needs an Emacs that was built with JSON"))
  (setq rbridge-link-handlers handlers)
  (rbridge-link-connect))

(defun rbridge-link-stop ()
  "End the connection, and look for the daemon no longer."
  (setq rbridge-link-handlers (plist-put (copy-sequence rbridge-link-handlers) :lost #'ignore))
  (let ((connection rbridge-link--connection))
    (when connection (rbridge-link--end connection "off")))
  (when rbridge-link--timer (cancel-timer rbridge-link--timer))
  (setq rbridge-link--timer nil rbridge-link--queue nil))

(provide 'rbridge-link)
;;; rbridge-link.el ends here
