export declare class TestEvents {
  take(line: string): void;
  summary(code: number): { lines: string[]; passed: number; failed: number };
}
