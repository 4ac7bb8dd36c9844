import type { CheckReport } from '../check/report.js';

export const FINDING_FORMATS = ['text', 'json', 'sarif', 'junit', 'github', 'gitlab', 'markdown'] as const;
export type FindingFormat = (typeof FINDING_FORMATS)[number];

export interface FormatOptions {
  readonly colour: boolean;
  /** The folder of the project relative to the root of the repository, with `/` at its end; empty when it is the root. */
  readonly prefix: string;
  readonly version: string;
  /** Name of the shape, for json. */
  readonly kind: string;
}

/** A report in one of the formats. */
export async function formatted(format: FindingFormat, report: CheckReport, options: FormatOptions): Promise<string> {
  switch (format) {
    case 'text':
      return (await import('./text.js')).textReport(report, options.colour);
    case 'json':
      return `${JSON.stringify({ apiVersion: 'v1', kind: options.kind, data: report, warnings: [], error: null }, null, 2)}\n`;
    case 'sarif':
      return (await import('./sarif.js')).sarifReport(report, options);
    case 'junit':
      return (await import('./junit.js')).junitReport(report);
    case 'github':
      return (await import('./github.js')).githubAnnotations(report, options.prefix);
    case 'gitlab':
      return (await import('./gitlab.js')).gitlabReport(report, options.prefix);
    case 'markdown':
      return (await import('./markdown.js')).markdownReport(report);
  }
}
