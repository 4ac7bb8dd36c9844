export type { ClusterDefinition } from './clusters.js';
export type { SourceRegistrySetting } from './registries.js';
export { CONFIG_FILE, readConfig, type ConfigSources } from './read-config.js';
export type { ViewTargetDefinition } from './view-targets.js';
export { settingsAsMarkdown } from './render.js';
export { clusterNames, isLoopback, LOCAL_CLUSTER } from './rules.js';
export type { Config } from './settings.js';
