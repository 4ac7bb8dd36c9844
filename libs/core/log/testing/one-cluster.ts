import { Clusters, type LogEngine } from '../index.js';

/** A single cluster, named `local`. */
export class OneCluster extends Clusters {
  readonly defaultName = 'local';
  constructor(private readonly engine: LogEngine) {
    super();
  }
  get(): LogEngine {
    return this.engine;
  }
  names(): readonly string[] {
    return ['local'];
  }
}
