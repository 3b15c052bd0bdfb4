// Where the daemon's socket lies. The same search as the daemon's own, and the same checks: a directory that
// is ours alone, a socket that is ours alone. Nothing is created.
import * as fs from "fs";
import * as os from "os";
import * as path from "path";

const OTHERS = 0o077;
const ALL_WRITE = 0o002;
const STICKY = 0o1000;

type Environment = Record<string, string | undefined>;

function look(follow: boolean, file: string): fs.Stats | undefined {
  try {
    return follow ? fs.statSync(file) : fs.lstatSync(file);
  } catch {
    return undefined;
  }
}

function uid(): number {
  return process.getuid?.() ?? -1;
}

function alone(found: fs.Stats | undefined): found is fs.Stats {
  return found !== undefined && found.uid === uid() && (found.mode & OTHERS) === 0;
}

function safe(directory: string): boolean {
  const own = look(false, directory);
  const above = look(true, path.dirname(directory));
  return (
    alone(own) &&
    own.isDirectory() &&
    above !== undefined &&
    ((above.mode & ALL_WRITE) === 0 || (above.mode & STICKY) !== 0)
  );
}

export function candidates(env: Environment = process.env): string[] {
  if (env["RBRIDGE_RUNTIME_DIR"]) {
    return [path.resolve(env["RBRIDGE_RUNTIME_DIR"])];
  }
  const own = `rbridge-${uid()}`;
  const places: string[] = [];
  const session = env["XDG_RUNTIME_DIR"] ?? "";
  if (session.startsWith("/") && look(true, session)?.uid === uid()) {
    places.push(path.join(session, "rbridge"));
  }
  places.push(`/dev/shm/${own}`);
  const temporary = env["TMPDIR"] ?? "";
  places.push(path.join(temporary.startsWith("/") ? temporary : "/tmp", own));
  places.push(path.join(os.homedir(), ".rbridge", os.hostname().replace(/\//g, "_"), "run"));
  return places;
}

/** A socket of a daemon of ours, undefined where there is none. */
export function socket(env: Environment = process.env, name = "editor.sock"): string | undefined {
  const directory = candidates(env).find(safe);
  const file = directory && path.join(directory, name);
  const found = file ? look(false, file) : undefined;
  return alone(found) && found.isSocket() ? file : undefined;
}
