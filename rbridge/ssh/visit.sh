#!/bin/sh
# The host's side of a visit (visit.py): sh visit.sh MARK SOCKET
#
# "begin" travels in ssh's command line. It says what the host is like and reads requests from its input: lines
# of code up to one that is MARK; what is to be stored stands behind them. The other parts are such code.
# A part begins with "#::". What is said are lines "MARK WORD VALUE"; all else is what login files print.
# A fault is KIND|WHO|WHY|PATH. Every sh runs this, so there is no local, and [ -O ] is the only extension.
# Long, because it is one conversation. What ls -n prints is split on purpose.
# shellcheck disable=SC2012,SC2015,SC2034,SC2046,SC2059,SC2086,SC2094,SC3067

#:: begin
umask 077
set -f
unset CDPATH
M=$1 S=$2 D='' bad='' stale=''
LC_ALL=C
export LC_ALL
nl='
'
say() { printf "\n$M %s\n" "$@"; }
# look DIR: what keeps it from being ours alone, in $bad; one that could only be looked into is closed
look() {
  bad=''
  if [ -L "$1" ]; then bad="link|||$1"; return; fi
  set -- "$1" $(ls -ldn "$1" 2>/dev/null)
  if [ "$4" != "$U" ]; then owner "$1"; return; fi
  case $2 in
    d???--[-S]--[-T]*) ;;
    ?????w* | ????????w*) bad="mode|$2||$1" ;;
    d*)
      chmod 700 "$1" 2>/dev/null
      case $(ls -ldn "$1") in
        d???--[-S]--[-T]*) ;;
        *) bad="mode|$2||$1" ;;
      esac ;;
    *) bad="file|||$1" ;;
  esac
}
owner() {
  set -- "$1" $(ls -ld "$1" 2>/dev/null)
  bad="owner|$4||$1"
}
# make DIR: what is there afterwards is ours alone, or $bad says why not
make() {
  bad=''
  [ -e "$1" ] || [ -L "$1" ] || e=$(mkdir "$1" 2>&1) || [ -e "$1" ] || bad="make||${e##*: }|$1"
  [ -n "$bad" ] || look "$1"
  [ -n "$bad" ] || [ -w "$1" ] || bad="make||it cannot be written to|$1"
  [ -z "$bad" ]
}
# short DIR: the socket fits in there
short() {
  [ $((${#1} + ${#S})) -lt 100 ] || { bad="long|||$1"; false; }
}
sum() {
  set -- $({ sha256sum <"$1" || shasum -a 256 <"$1" || openssl dgst -sha256 -r <"$1" ||
    python3 -c "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())" <"$1"; } 2>/dev/null)
  [ ${#1} != 64 ] || echo "$1"
}
U=$(id -u)
N=$(uname -n)
case $N in
  '') N=localhost ;;
  */*) N=$(echo "$N" | tr / _) ;;
esac
H=$HOME
case $H in
  *"$nl"*) bad="home||newline|?" H=/nonexistent ;;
  /*) short "$H/.rbridge/$N" && make "$H/.rbridge" && make "$H/.rbridge/$N" && D=$H/.rbridge/$N ;;
  *) bad="home|||$H" H=/nonexistent ;;
esac
case $bad in
  make* | long* | home*)
    say "fault $bad"
    bad=''
    set -- "$RBRIDGE_RUNTIME_DIR"
    if [ -z "$1" ]; then
      shift
      case $XDG_RUNTIME_DIR in /*) [ -O "$XDG_RUNTIME_DIR" ] && set -- "$XDG_RUNTIME_DIR/rbridge" ;; esac
      [ -d /dev/shm ] && set -- "$@" "/dev/shm/rbridge-$U"
      case $TMPDIR in
        /*) set -- "$@" "$TMPDIR/rbridge-$U" ;;
        *) set -- "$@" "/tmp/rbridge-$U" ;;
      esac
    fi
    for d in "$@"; do
      case $(ls -ldL "${d%/*}/" 2>/dev/null) in
        ????????w[!tT]*) bad="open|||$d" ;;
        *) short "$d" && make "$d" && D=$d && break ;;
      esac
      say "fault $bad"
    done ;;
esac
# In a directory that is ours alone nobody makes names but us.
if [ -n "$D" ] && cd "$D"; then
  if [ -L "$S" ]; then
    bad="link|||$D/$S"
  elif [ -S "$S" ]; then
    if [ -O "$S" ]; then
      rm -f "$S" && stale=1
    else
      owner "$D/$S"
    fi
  elif [ -e "$S" ]; then
    bad="socket|||$D/$S"
  fi
  cd /
fi
[ -z "$bad" ] || { say "fault $bad"; D=''; }
C=$H/.local/bin/rbridge
[ -e "$C" ] || [ -z "$D" ] || [ ! -f "$D/rbridge" ] || C=$D/rbridge
c='' v='' by=other known=''
if [ -e "$C" ] || [ -L "$C" ]; then
  c=unknown
  if [ -f "$C" ] && [ -r "$C" ]; then
    x=$(sum "$C")
    c=${x:-unknown}
    { read -r x; read -r x y v x; } <"$C" 2>/dev/null
    [ "$y" = rbridge ] || v=''
  fi
fi
if [ -f "$H/.rbridge/deployed" ]; then
  while read -r x y z; do
    case $x in client) known=$y ;; esac
  done <"$H/.rbridge/deployed"
fi
case $c in '') ;; "$known") by=us ;; unknown) [ -z "$known" ] || by=us ;; esac
[ -z "$D" ] || case $C in "$D"/*) by=us ;; esac
[ -L "$C" ] && by=other
say "home $H" "uid $U" "user ${LOGNAME:-$USER}" "node $N" "system $(uname -sm)" "shell ${SHELL##*/}" \
  "client $c" "client_path $C" "client_version ${v%,}" "client_by $by" "directory $D" "stale $stale" "end begin"
{
  set +f
  i=usual
  for p in @PYTHONS@ \
    - /usr/bin/python3.*[0-9] /usr/local/bin/python3 "$H"/*conda*/bin/python3 "$H"/mini*/bin/python3 \
    "$H/.local/bin/python3" /opt/*/bin/python3 /opt/*/*/bin/python3 /opt/rh/*/root/usr/bin/python3 \
    /opt/homebrew/bin/python3; do
    [ "$p" != - ] || i=other
    q=$(command -v "$p") || continue
    x=$("$q" -I -S -c 'import sys, zlib
if sys.version_info >= (3, 6): print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
    [ -n "$x" ] || continue
    say "python $i|$x|$q"
    exit
  done
  say "python none||"
} </dev/null 2>/dev/null &
P=$!
while IFS= read -r x; do
  y=''
  until [ "$x" = "$M" ]; do
    y="$y$x$nl"
    IFS= read -r x || exit
  done
  eval "$y"
done
kill $P 2>/dev/null

#:: key
# I: the laptop's identity, B: bytes of the key's line, R: a random word
k=$H/.rbridge/keys
t=$k/$I@$N f=$k/.$I@$N-$R
make "$H/.rbridge" && make "$k"
[ ! -L "$t" ] || bad="link|||$t"
[ -n "$bad" ] || [ ! -e "$t" ] || [ -f "$t" ] || bad="key|||$t"
if [ -n "$bad" ]; then
  dd bs=1 count=$B >/dev/null 2>&1
else
  e=$(dd bs=1 count=$B 2>/dev/null | { (set -C && cat >"$f") 2>&1; cat >/dev/null; })
  if [ -n "$e" ] || [ "$(wc -c <"$f" | tr -d ' ')" != $B ] || ! e=$(mv -f "$f" "$t" 2>&1); then
    bad="make||${e##*: }|$t"
    rm -f "$f"
  fi
fi
[ -z "$bad" ] || say "fault $bad"
say "end key"

#:: record
# record WORD LINE: put LINE in place of what the record has of WORD, or add it where WORD is ''
record() {
  j=$H/.rbridge/deployed
  [ ! -L "$j" ] && make "$H/.rbridge" || return
  { [ ! -f "$j" ] || sed "/^${1:-no such word} /d" "$j"; [ -z "$2" ] || printf '%s\n' "$2"; } >"$j-$$" &&
    mv -f "$j-$$" "$j" || { rm -f "$j-$$"; false; }
} 2>/dev/null
# recorded WORD: what the record has of it, one a line
recorded() {
  [ ! -f "$H/.rbridge/deployed" ] || [ -L "$H/.rbridge/deployed" ] || sed -n "s/^$1 //p" "$H/.rbridge/deployed"
}

#:: put
# B: the client's bytes, G: its sha256, R: a random word, T: where it goes instead of ~/.local/bin
bad='' made='' kept='' replaced='' note='' runs=1
d=${T:-$H/.local/bin} f='' t=''
if [ -n "$T" ]; then
  make "$d"
else
  for x in "$H/.local" "$d"; do
    [ -z "$bad" ] || break
    if [ -d "$x" ]; then
      :
    elif [ -e "$x" ]; then
      bad="file|||$x"
    elif [ -L "$x" ]; then
      bad="dangling|||$x"
    elif e=$(mkdir "$x" 2>&1); then
      made="$made$x$nl"
    elif [ ! -d "$x" ]; then
      bad="make||${e##*: }|$x"
    fi
  done
  if [ -z "$bad" ]; then
    set -- $(ls -ldn "$H/.local/")
    case $1 in
      ????????w[!tT]*) bad="open|||$d" ;;
    esac
    # who has this directory can put another one in the place of bin
    case $3 in
      0 | "$U") ;;
      *) owner "$H/.local/" ;;
    esac
    set -- $(ls -ldn "$d/")
    case $1 in
      ????????w*) bad="mode|$1||$d" ;;
      ?????w*) note=group ;;
    esac
    [ ! -L "$H/.local" ] && [ ! -L "$d" ] || note="$note link"
    [ "$3" = "$U" ] || owner "$d/"
  fi
  [ -n "$bad" ] || [ ! -d "$d/rbridge" ] || [ -L "$d/rbridge" ] || bad="directory|||$d/rbridge"
fi
if [ -n "$bad" ]; then
  head -c $B >/dev/null
else
  f=$d/.rbridge-$R t=$d/rbridge
  e=$(head -c $B | { (set -C && cat >"$f") 2>&1; cat >/dev/null; })
  if [ -n "$e" ] || [ "$(wc -c <"$f" | tr -d ' ')" != $B ]; then
    bad="make||${e##*: }|$t"
  elif x=$(sum "$f") && [ -n "$x" ] && [ "$x" != $G ]; then
    bad="sum|$x||$t"
  else
    chmod 755 "$f"
    RBRIDGE_TRIED='' RBRIDGE_PYTHON=true "$f" </dev/null >/dev/null 2>&1 || runs=''
  fi
fi
if [ -z "$bad" ] && { [ -e "$t" ] || [ -L "$t" ]; }; then
  replaced=1
  x=$(recorded client)
  y=''
  [ ! -f "$t" ] || y=$(sum "$t")
  if [ -z "$T" ] && { [ -L "$t" ] || { [ "$y" != "${x%% *}" ] && [ "$y" != $G ]; }; }; then
    x=1
    while [ -e "$t.before-$x" ] || [ -L "$t.before-$x" ]; do x=$((x + 1)); done
    kept=$t.before-$x
    { [ ! -L "$t" ] && ln "$t" "$kept" 2>/dev/null; } || mv "$t" "$kept" || bad="make||it cannot be kept|$t"
  fi
fi
[ -n "$bad" ] || e=$(mv -f "$f" "$t" 2>&1) || bad="make||${e##*: }|$t"
if [ -n "$bad" ]; then
  [ -z "$f" ] || rm -f "$f"
  [ -z "$made" ] || printf %s "$made" | sort -r | while read -r x; do rmdir "$x"; done
  say "fault $bad" "end put"
else
  m=$d/rmate x=$(recorded rmate) r=''
  if [ -n "$T" ]; then
    :
  elif [ ! -e "$m" ] && [ ! -L "$m" ]; then
    if ln -s rbridge "$m" 2>/dev/null; then
      r='link'
    elif (set -C && cat "$t" >"$m") 2>/dev/null; then
      chmod 755 "$m"
      r=$G
    fi
  elif [ "$x" = link ] && [ -L "$m" ]; then
    r='link'
  elif [ -n "$x" ] && [ ! -L "$m" ] && [ "$(sum "$m")" = "$x" ]; then
    (set -C && cat "$t" >"$m-$R") 2>/dev/null && chmod 755 "$m-$R" && mv -f "$m-$R" "$m" && r=$G
  else
    note="$note rmate"
  fi
  if [ -z "$T" ]; then
    x=$(sum "$t")
    record client "client ${x:-$G} $t" || note="$note record"
    record rmate "${r:+rmate $r}"
    [ -z "$kept" ] || record '' "kept $kept"
    [ -z "$made" ] || record '' "made ${made%%"$nl"*}"
    x=${made#*"$nl"}
    [ -z "$x" ] || record '' "made ${x%"$nl"}"
  fi
  say "path $t" "replaced $replaced" "kept $kept" "runs $runs" "rmate $r" "note $note" "end put"
fi

#:: ipython
# B: the startup file's bytes, G: its sha256, R: a random word
bad='' made='' did=put
d=${IPYTHONDIR:-$H/.ipython}
case $d in
  *"$nl"*) d=$H/.ipython ;;
  "~"/*) d=$H${d#"~"} ;;
  /*) ;;
  *) d=$H/.ipython ;;
esac
d=${d%/}/profile_default/startup
t=$d/50-rbridge.py f=$d/.50-rbridge-$R
x=$d
until [ -d "$x" ] || [ -z "$x" ]; do
  made="$x$nl$made"
  x=${x%/*}
done
e=$(mkdir -p "$d" 2>&1) || bad="make||${e##*: }|$d"
if [ -z "$bad" ]; then
  set -- $(ls -ldn "$d/")
  case $1 in
    ????????w*) bad="mode|$1||$d" ;;
  esac
  [ "$3" = "$U" ] || owner "$d/"
fi
x=$(recorded ipython)
if [ -n "$bad" ]; then
  :
elif [ -L "$t" ]; then
  did=changed
elif [ -e "$t" ]; then
  y=$(sum "$t")
  if [ "$y" = $G ]; then
    did=had
  elif [ "$t" != "${x#* }" ] || [ "$y" != "${x%% *}" ]; then
    did=changed
  fi
fi
if [ -n "$bad" ] || [ $did != put ]; then
  head -c $B >/dev/null
else
  e=$(head -c $B | { (set -C && cat >"$f") 2>&1; cat >/dev/null; })
  y=$(sum "$f")
  if [ -n "$e" ] || [ "$(wc -c <"$f" | tr -d ' ')" != $B ] || { [ -n "$y" ] && [ "$y" != $G ]; }; then
    bad="make||${e##*: }|$t"
  else
    e=$(mv -f "$f" "$t" 2>&1) || bad="make||${e##*: }|$t"
  fi
fi
if [ -n "$bad" ]; then
  rm -f "$f" 2>/dev/null
  [ -z "$made" ] || printf %s "$made" | sort -r | while read -r x; do rmdir "$x" 2>/dev/null; done
  say "fault $bad"
elif [ $did != changed ]; then
  record ipython "ipython ${y:-$G} $t"
  while [ -n "$made" ]; do
    record '' "made ${made%%"$nl"*}"
    made=${made#*"$nl"}
  done
fi
say "did $did" "path $t" "end ipython"

#:: paths
# What a fresh shell finds. It prints its answer itself: what login files leave running holds up nobody.
a='' w=${SHELL##*/} z=$H
try() {
  "$@" </dev/null 2>/dev/null &
  a="$a $!"
}
x='command -v rbridge' y="printf '\\n$M found %s %s\\n'"
unset LC_ALL
case $w in
  fish) try "$SHELL" -lic "$y login ($x)"; try "$SHELL" -ic "$y new ($x)" ;;
  tcsh | csh)
    # -l takes nothing beside it
    printf '%s\n' "echo; echo $M found login \`which rbridge\`" | "$SHELL" -l 2>/dev/null &
    a=$!
    try "$SHELL" -ic "echo; echo $M found new \`which rbridge\`" ;;
  zsh)
    try "$SHELL" -lic "$y login \"\$($x)\"; printf '\\n$M zdotdir %s\\n' \"\$ZDOTDIR\""
    try "$SHELL" -ic "$y new \"\$($x)\"" ;;
  *) try "$SHELL" -lic "$y login \"\$($x)\""; try "$SHELL" -ic "$y new \"\$($x)\"" ;;
esac
(sleep 5; kill -9 $a) >/dev/null 2>&1 &
x=$!
wait $a 2>/dev/null
kill $x 2>/dev/null
LC_ALL=C
export LC_ALL
case $w in
  bash)
    x=$H/.profile
    for p in "$H/.bash_login" "$H/.bash_profile"; do [ ! -r "$p" ] || x=$p; done
    [ ! -r "$x" ] || ! grep -q bashrc "$x" || x=$H/.bashrc ;;
  zsh) x='' ;;
  fish) x=${XDG_CONFIG_HOME:-$H/.config}/fish/conf.d/rbridge.fish ;;
  tcsh) x=$H/.tcshrc; [ -e "$x" ] || x=$H/.cshrc ;;
  csh) x=$H/.cshrc ;;
  *) x=$H/.profile ;;
esac
say "rc $x" "end paths"

#:: add
# A: the file, L: the line
bad='' had=''
x=${A%/*} new='' made=''
until [ -d "$x" ] || [ -z "$x" ]; do
  made="$x$nl$made"
  x=${x%/*}
done
if [ -f "$A" ] && grep -qxF -- "$L" "$A"; then
  had=1
elif [ -e "$A" ] && [ ! -f "$A" ]; then
  bad="regular|||$A"
elif [ -f "$A" ] && [ ! -O "$A" ]; then
  owner "$A"
else
  [ -e "$A" ] || new=1
  e=$(mkdir -p "${A%/*}" 2>&1 && { {
    [ ! -s "$A" ] || [ -z "$(tail -c 1 "$A")" ] || echo
    printf '%s\n' "$L"
  } >>"$A"; } 2>&1)
  if grep -qxF -- "$L" "$A" 2>/dev/null; then
    record '' "line $A"
    [ -z "$new" ] || record '' "rc $A"
    while [ -n "$made" ]; do
      record '' "made ${made%%"$nl"*}"
      made=${made#*"$nl"}
    done
    bad=''
  else
    bad="make||${e##*: }|$A"
  fi
fi
[ -z "$bad" ] || say "fault $bad"
say "had $had" "end add"

#:: remove
# I: the laptop's identity; K, L, Q: the marked lines for sh, fish and csh
bad='' x=$(recorded client)
j=$H/.rbridge/deployed t=${x#* }
gone() { rm -f "$1" 2>/dev/null && say "did removed|$1" || say "did cannot|$1"; }
m=${t%/*}/rmate r=$(recorded rmate)
if [ -n "$r" ]; then
  if [ "$r" = link ] && [ "$(ls -ld "$m" 2>/dev/null | sed 's/.* -> //')" = rbridge ]; then
    gone "$m"
  elif [ -f "$m" ] && [ ! -L "$m" ] && [ "$(sum "$m")" = "$r" ]; then
    gone "$m"
  elif [ -e "$m" ]; then
    say "did changed|$m"
  fi
fi
if [ -n "$x" ] && [ -e "$t" ]; then
  if [ -f "$t" ] && [ ! -L "$t" ] && [ "$(sum "$t")" = "${x%% *}" ]; then
    gone "$t"
    # what was there before the first deploy comes back
    recorded kept | while IFS= read -r p; do
      if [ -e "$p" ] || [ -L "$p" ]; then
        [ -e "$t" ] || [ -L "$t" ] || { mv "$p" "$t" && say "did restored|$t"; }
        [ ! -e "$p" ] || say "did left|$p"
      fi
    done
  else
    say "did changed|$t"
  fi
elif [ -z "$x" ] && [ -e "$H/.local/bin/rbridge" ]; then
  say "did foreign|$H/.local/bin/rbridge"
fi
x=$(recorded ipython)
t=${x#* }
if [ -n "$x" ] && [ -e "$t" ]; then
  if [ -f "$t" ] && [ ! -L "$t" ] && [ "$(sum "$t")" = "${x%% *}" ]; then
    gone "$t"
  else
    say "did changed|$t"
  fi
fi
case $C in "$H"/*) ;; "$D"/rbridge) [ ! -f "$C" ] || gone "$C" ;; esac
recorded line | while IFS= read -r p; do
  [ -f "$p" ] || continue
  if [ -L "$p" ]; then q=$(readlink -f "$p"); else q=$p; fi
  s=$q.rbridge-$R
  if ! grep -qxF -e "$K" -e "$L" -e "$Q" "$p"; then
    say "did noline|$p"
  elif cp -p "$q" "$s" 2>/dev/null && { grep -vxF -e "$K" -e "$L" -e "$Q" "$q" >"$s"; [ $? -lt 2 ]; } && mv -f "$s" "$q"; then
    say "did line|$p"
    recorded rc | grep -qxF -- "$p" && [ ! -s "$q" ] && rm -f "$q"
  else
    rm -f "$s"
    say "did cannot|$p"
  fi
done
p=$H/.rbridge/keys/$I@$N
[ ! -f "$p" ] || gone "$p"
recorded made | sort -r | while IFS= read -r p; do
  [ ! -d "$p" ] || { rmdir "$p" 2>/dev/null && say "did removed|$p"; }
done
rm -f "$j"
if [ -n "$D" ]; then
  # this laptop's; one that sshd listens on is left
  set +f
  for p in "$D/$I"*.sock "$D/${I%????????}"-*.sock; do
    [ ! -S "$p" ] || [ ! -O "$p" ] || grep -qF " $p" /proc/net/unix 2>/dev/null || rm -f "$p"
  done
  set -f
  rmdir "$D" 2>/dev/null
fi
rmdir "$H/.rbridge/$N" "$H/.rbridge/keys" "$H/.rbridge" 2>/dev/null
say "end remove"
