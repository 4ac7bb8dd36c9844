import type { GroupProtocol } from './group-protocol.js';

/** What a member offers, as far as agreeing goes. */
interface Offering {
  readonly protocols: readonly GroupProtocol[];
}

/** Bytes that the offers of a member hold. */
export function metadataBytes(protocols: readonly GroupProtocol[]): number {
  return protocols.reduce((sum, one) => sum + one.name.length + one.metadata.length, 0);
}

/** Names every member offers. */
export function commonNames(members: readonly Offering[]): Set<string> {
  const [first, ...others] = members;
  const common = new Set((first?.protocols ?? []).map((one) => one.name));
  for (const { protocols } of others) {
    const offered = new Set(protocols.map((one) => one.name));
    for (const name of common) if (!offered.has(name)) common.delete(name);
  }
  return common;
}

/** The one with most votes, each member voting for the first it offers that all have; of equals the one voted for first. */
export function chooseProtocol(members: readonly Offering[]): string {
  const common = commonNames(members);
  const votes = new Map<string, number>();
  for (const { protocols } of members) {
    const vote = protocols.find(({ name }) => common.has(name));
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
  }
  let chosen = '';
  for (const [name, count] of votes) if (chosen === '' || count > votes.get(chosen)!) chosen = name;
  return chosen;
}

/** Whether a member that joins again offers what it offered before. */
export function sameProtocols(one: readonly GroupProtocol[], other: readonly GroupProtocol[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ name, metadata }, i) => {
      const { name: otherName, metadata: otherMetadata } = other[i]!;
      return name === otherName && Buffer.compare(metadata, otherMetadata) === 0;
    })
  );
}
