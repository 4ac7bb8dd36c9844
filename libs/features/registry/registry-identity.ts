/** How the registry names itself to tools. Class and injection token in one; the composition may provide another. */
export class RegistryIdentity {
  /** Id of the log the registry belongs to. */
  readonly clusterId: string = 'weir';
  readonly groupId: string = 'schema-registry';
  /** The release of the reference whose contract is served; clients compare it. */
  readonly version: string = '8.3.0';
  readonly commitId: string = 'weir';
}
