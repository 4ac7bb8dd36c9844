/** The version of the command, that of the package it is built with. */
export const VERSION = '0.1.0';
