export function moduleScript(code: string, name: string): { readonly script: string; readonly module: string };
