import { describe, expect, it } from 'vitest';
import { AllowedAddresses } from './allowed-addresses.js';

describe('without networks that are named', () => {
  const addresses = new AllowedAddresses([]);

  it.each(['8.8.8.8', '172.32.0.1', '192.167.1.1', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(addresses.allows(address)).toBe(true);
  });

  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fd00:ec2::254',
    'fe80::1',
  ])('%s is not connected to', (address) => {
    expect(addresses.allows(address)).toBe(false);
  });
});

describe('with networks that are named', () => {
  it('their addresses are connected to, and no others', () => {
    const addresses = new AllowedAddresses(['10.1.0.0/16', '127.0.0.1', 'fd00::/64', '::1']);
    const allowed = ['10.1.2.3', '127.0.0.1', '::ffff:127.0.0.1', 'fd00::5', '::1', '8.8.8.8'];
    expect(allowed.filter((one) => !addresses.allows(one))).toEqual([]);
    const refused = ['10.2.0.1', '127.0.0.2', 'fd00:0:0:1::5', '169.254.169.254'];
    expect(refused.filter((one) => addresses.allows(one))).toEqual([]);
  });
});
