export function violation(file: string, specifier: string): string | undefined;
