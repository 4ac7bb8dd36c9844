import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Version of the product, from the package this file belongs to: from source and from `dist` alike. */
export function productVersion(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const found = packageAt(join(at, 'package.json'));
    if (found?.name === 'weir') return found.version ?? 'unknown';
    if (dirname(at) === at) return 'unknown';
  }
}

function packageAt(path: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string };
  } catch {
    return undefined;
  }
}
