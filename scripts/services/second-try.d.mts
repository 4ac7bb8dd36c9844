export declare function withSecondTry(
  run: (args: readonly string[], outcomeFile: string) => Promise<number>,
  args: readonly string[],
): Promise<number>;
