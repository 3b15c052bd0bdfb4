// What comes from a host and is shown.

/**
 * A line that is nothing but text: VS Code would make links of `[a](command:b)` in what it tells its user, and
 * pictures of `$(a)` in the status bar.
 */
export function plain(words: string): string {
  return words.replace(/\]\(/g, "] (").replace(/\$\(/g, "$ (");
}
