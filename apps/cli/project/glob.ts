/** Whether paths (with `/`) match a pattern: `*` and `?` within a folder, `**` across folders, `{a,b}` alternatives. Everything else stands for itself. */
export function globMatcher(pattern: string): (path: string) => boolean {
  const matcher = new RegExp(`^${source(pattern.replace(/^\.\//, ''))}$`, 'u');
  return (path) => matcher.test(path);
}

function source(pattern: string): string {
  let out = '';
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!;
    if (pattern.startsWith('**/', at)) {
      out += '(?:[^/]+/)*';
      at += 2;
    } else if (pattern.startsWith('**', at)) {
      out += '.*';
      at += 1;
    } else if (char === '*') out += '[^/]*';
    else if (char === '?') out += '[^/]';
    else if (char === '{') {
      out += '(?:';
      depth++;
    } else if (char === '}' && depth > 0) {
      out += ')';
      depth--;
    } else if (char === ',' && depth > 0) out += '|';
    else out += char.replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
  }
  return out + ')'.repeat(depth);
}
