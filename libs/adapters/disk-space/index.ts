export { DiskSpace, type DiskSpaceObserver, type DiskSpaceOptions } from './disk-space.js';
export { NodeVolume, Volume, type VolumeSpace } from './volume.js';
