export { HttpSourceRegistries, type SourceRegistryDefinition } from './http-source-registries.js';
