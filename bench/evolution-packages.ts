import type { PublishedPackage } from './published-packages.js';

/** Every published version of the schemas of GitHub's webhooks (MIT), oldest first. */
export const WEBHOOKS = published('@octokit/webhooks-schemas', [
  ['3.69.1', 'sha512-gtc9qZrr/njoi5u+RK5P12gJoWyHrmwEITSLyVFtUo5iXI9/uP9hrpil46pNL5yizd2x9dK60mC/Y6jOSeXjqg=='],
  ['3.69.3', 'sha512-iS/vMRqeP86ZErtK8u4WwegWche6/1pJhq1I0lzwZ1UVczOYkJC5sK9GKz+cPc4i0dlIlkvsoXcw3GBWtyI2tQ=='],
  ['3.77.1', 'sha512-n8cZyrg6gsfwoSGTpwQmrRbub7CTtRK3ET2qaq8z0HdDQ8xuAgPEfq13IZicK6Pxtq9FJPG0qwgFvOAE6r18Lw=='],
  ['4.1.0', 'sha512-nylybWTji148VtJdkahdWWroxJ+Uw7gDATl0Ne4FIVB2IO1aTQ4RjOIyNTBXtnH4iptzDiZWkfaWW0wUfR+cUw=='],
  ['4.13.0', 'sha512-mDTOEKyJ6P1vtQTtPhsBxV4aJxOZwWto+6Werd54TNs77kAq1nsqBc8Z5xfe/PDvOj5GI1qfTZ5VERTAdXaL0g=='],
  ['5.5.1', 'sha512-BniPKzhm1qqQlCyFZfhO6H29K/ey7tKb8N8MnnbkCIFP6aEH9ntDFaLaeq1sTk3fkMJkU2+r1L6QzEKJ/tEBog=='],
  ['5.8.0', 'sha512-avB5PyL/rvptIy3U39ibHZZJCQdlXllv5myjEsky0cBupT1LILvBwZZ3ye/zyf8JNTNgiqXfqgkQTR02mw/GtQ=='],
  ['6.7.0', 'sha512-qsZrBR70QFB7TutczV6FHC5e6L5eGRurwfuKSBnNB4QiSmBGFMB4QIJUlv+gBtXTha7x0hLEn2pFCKrqPrwFPw=='],
  ['6.10.0', 'sha512-RIRZhinByFnqaXbFTHXBmvdZwWWB3zMtDgD02cRjl++XKyuBNHVprp1+yNX12eJFoqWT1NkPCzntU1jG7lzBFg=='],
  ['6.11.0', 'sha512-ekca2jZhb2vfQy43rjvJoV77IwEKvA42BmJ2m8H3WaNfG9BF05RodnFjh3MSOksNseoNO8w8IPLZ3d5546NH2w=='],
  ['7.0.2', 'sha512-oUDfqCXMsMVA2StKnvC0RQSC4FsG9/CRlz1ZqLhn2WPscDM7kpu0zGg1fF2FAMPIcdTgQOITXFAugwFTBnh/PQ=='],
  ['7.0.3', 'sha512-gybA9yMBrZbmq6PhJDbz8koewXK59eMEXrI3O5nm3optFqRBtA4bNmWnUoXLPTyO6zGSPGY613dkdlqfJqOkuA=='],
  ['7.1.0', 'sha512-RpZQDy2RZMV3UW+msjvia+lDYt3Pzoo1ivFLEi+Sf+xUdAtiTz8igAhktBddHKl6eZ4bvrB68wxQOOFbbE3n7A=='],
  ['7.3.1', 'sha512-Wr82QTNH0NuXRM0R9vEAZPuRAlHj9FILKARCMf7v6qUgf6by+KjEKaro5O6wK14DZ1jxgXlXzwZ1Ha6nyc6t4w=='],
  ['7.4.0', 'sha512-+RQp4Nx2Ykmo2K5ugomEfF8Kb3hB2NeyIunNR2SfbskADUYRWK9RTMPuSbOhVCbRxZKiV4af00ydzi24aEg/lg=='],
  ['7.5.0', 'sha512-QUgXMZc2N4aSFBny9i8oG0t0clNMj88ySIuhABFOZPBVSvOAdKAlEMbSsbacL/K40POYpGciCyB9fhh3Ejc1gg=='],
  ['7.5.1', 'sha512-lhzvYsqPhP0Zu0tsARHq9LbJo8mgyQReWyfGNn4kbV0QY6ArrmJzDtyuD2bcQZB0it/qh7DRKnz1OsfdJgxn5A=='],
  ['7.6.1', 'sha512-qW0Bwtb76r4m2WzVhKDyfEeEnt1GEQoRjkCqmq2ZeB0nNVDJ+Z2LBDS9FDPyduuMXf/ZTWiCJp9PFFHgRfBe3A=='],
]);

/** Two generations of Google's public interfaces (Apache-2.0). */
export const INTERFACES = published('google-proto-files', [
  ['3.0.3', 'sha512-7JaU/smPA/FpNsCaXyVjitwiQyn5zYC/ETA+xag3ziovBojIWvzevyrbVqhxgnQdgMJ0p1RVSvpzQL6hkg6yGw=='],
  ['6.0.1', 'sha512-fbvUWVNh3rKGlVFWwlUNF7Sk1Tah0a89q02rLTXsWjbKKHGeuURAa8tl9rvu5TyWny1YiSIo5eDqF260Tai6vQ=='],
]);

/** @param versions with the digests of the packages, as the registry of packages tells them. */
function published(name: string, versions: readonly (readonly [string, string])[]): readonly PublishedPackage[] {
  return versions.map(([version, integrity]) => ({ name, version, integrity }));
}
