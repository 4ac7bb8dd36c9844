import { isSetting, type Setting, type SettingTree } from './setting.js';

/** A leaf of the tree with its two names. */
export interface NamedSetting {
  /** In the file: `log.segmentBytes`. */
  readonly key: string;
  readonly path: readonly string[];
  /** In the environment: `WEIR_LOG_SEGMENT_BYTES`. */
  readonly variable: string;
  readonly setting: Setting<unknown>;
}

/** Every leaf, in the order of the tree. */
export function namedSettings(tree: SettingTree, path: readonly string[] = []): readonly NamedSetting[] {
  return Object.entries(tree).flatMap(([name, node]): readonly NamedSetting[] => {
    const here = [...path, name];
    return isSetting(node)
      ? [{ key: here.join('.'), path: here, variable: variableOf(here), setting: node }]
      : namedSettings(node, here);
  });
}

/** `['log', 'segmentBytes']` is `WEIR_LOG_SEGMENT_BYTES`. */
export function variableOf(path: readonly string[]): string {
  return `WEIR_${path.map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_')}`;
}
