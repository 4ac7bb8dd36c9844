export interface TestResult {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly unsteady?: boolean;
  readonly message?: string;
  readonly again?: string;
}
export interface FileResult {
  readonly project: string;
  readonly file: string;
  readonly tests: readonly TestResult[];
  readonly broken?: string;
}
export interface StrayError {
  readonly message: string;
  readonly files: readonly string[];
}
export interface Outcome {
  readonly files: readonly FileResult[];
  readonly errors: readonly StrayError[];
}
export interface Verdict {
  passed: number;
  skipped: number;
  failed: string[];
  unsteady: string[];
}
export declare function failedFiles(outcome: Outcome): string[];
export declare function verdictOf(first: Outcome, second?: Outcome): Verdict;
export declare function linesOf(verdict: Verdict): string[];
