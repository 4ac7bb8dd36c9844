import { namedSettings } from './keys.js';
import { SETTINGS } from './settings.js';

/** Every setting as a Markdown table: the body of `docs/configuration.md`. */
export function settingsAsMarkdown(): string {
  const rows = namedSettings(SETTINGS).map(({ key, variable, setting }) => {
    const names = [`\`${key}\``, `\`${variable}\`${setting.secret ? `, \`${variable}_FILE\`` : ''}`];
    return `| ${[...names, setting.type, shown(setting.default), setting.doc].join(' | ')} |`;
  });
  return ['| Key | Environment | Holds | Default | Meaning |', '|---|---|---|---|---|', ...rows, ''].join('\n');
}

function shown(value: unknown): string {
  return value === undefined || value instanceof Map ? '–' : `\`${String(value)}\``;
}
