import { BlockList, isIP } from 'node:net';

/** Addresses that are no public ones: own machine, private networks, link-local ones with the metadata services of clouds, examples in documents, and what maps to or tunnels to others. */
const SPECIAL: readonly (readonly [address: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

/** Which addresses may be connected to: public ones, and those the configuration allows (reliability page, T9). */
export class AllowedAddresses {
  readonly #special = listOf(SPECIAL);
  readonly #allowed: BlockList;

  /** @param allowed networks as `10.0.0.0/8`. */
  constructor(allowed: readonly string[]) {
    this.#allowed = listOf(
      allowed.map((network) => {
        const [address = '', bits] = network.split('/');
        return [address, bits === undefined ? (isIP(address) === 6 ? 128 : 32) : Number(bits)] as const;
      }),
    );
  }

  allows(address: string): boolean {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return this.#allowed.check(address, family) || !this.#special.check(address, family);
  }
}

function listOf(networks: readonly (readonly [address: string, bits: number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of networks) list.addSubnet(address, bits, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return list;
}
