// Paths below an opened folder. A name whose bytes are no text travels percent-encoded, see docs/attach.md.

/** `path` is as messages have it, `encoded` says how; empty is the folder itself. */
export interface Path {
  readonly path: string;
  readonly encoded: boolean;
}

export const TOP: Path = { path: "", encoded: false };

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function coded(path: Path): string {
  return path.encoded ? path.path : path.path.replace(/%/g, "%25");
}

/** What stands under a name in a directory. */
export function join(at: Path, name: string, encoded: boolean): Path {
  if (at.path === "") {
    return { path: name, encoded };
  }
  if (at.encoded === encoded) {
    return { path: `${at.path}/${name}`, encoded };
  }
  return { path: `${coded(at)}/${coded({ path: name, encoded })}`, encoded: true };
}

/** As a request says it. */
export function said(path: Path): { path: string; encoded?: true } {
  return path.encoded ? { path: path.path, encoded: true } : { path: path.path };
}

/** The same for the same path, however it came. */
export function key(path: Path): string {
  return coded(path);
}

export function base(path: Path): string {
  return path.path.slice(path.path.lastIndexOf("/") + 1);
}

/** The directory that it is in. */
export function above(path: Path): Path {
  const at = path.path.lastIndexOf("/");
  return { path: at < 0 ? "" : path.path.slice(0, at), encoded: at >= 0 && path.encoded };
}

/** Whether one is the other, or is in it. */
export function within(path: Path, directory: Path): boolean {
  const top = coded(directory);
  return top === "" || coded(path) === top || coded(path).startsWith(`${top}/`);
}

/** Both lists of a message: `paths`, and `encoded` beside them. */
export function several(message: { paths?: string[]; encoded?: string[] }): Path[] {
  const of = (list: string[] | undefined, encoded: boolean): Path[] => (list ?? []).map((path) => ({ path, encoded }));
  return [...of(message.paths, false), ...of(message.encoded, true)];
}

/** What a user can read without harm: characters that are not seen, or that turn others around, are spelled out. */
export function visible(words: string): string {
  return words.replace(CONTROL, (one) => `\\u{${(one.codePointAt(0) as number).toString(16)}}`);
}
