import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

/** One scheduled flight of January 2001, as the excerpt holds it. */
export interface Flight {
  /** Position in the excerpt, from 0; makes every event distinguishable. */
  readonly number: number;
  /** Scheduled departure, epoch ms (local time of the airport, read as UTC). */
  readonly scheduled: number;
  /** Minutes late; negative is early. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export interface Airport {
  readonly iata: string;
  readonly name: string;
  readonly city: string;
  readonly state: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
}

const inflate = promisify(brotliDecompress);
/** The sources keep the data beside the code; the build does not copy it. */
const DATA = new URL(import.meta.url.includes('/dist/') ? '../../../apps/demo/data/' : './data/', import.meta.url);

/** All flights of the excerpt in order of their scheduled time. */
export async function loadFlights(): Promise<Flight[]> {
  return (await lines('flights.csv.br')).map((line, number) => {
    const [scheduled = '', delay = '', distance = '', origin = '', destination = ''] = line.split(',');
    return {
      number,
      scheduled: Date.parse(`${scheduled}Z`),
      delay: Number(delay),
      distance: Number(distance),
      origin,
      destination,
    };
  });
}

/** The airports the flights use. */
export async function loadAirports(): Promise<Airport[]> {
  return (await lines('airports.csv.br')).map((line) => {
    const [iata = '', name = '', city = '', state = '', country = '', latitude = '', longitude = ''] = fields(line);
    return { iata, name, city, state, country, latitude: Number(latitude), longitude: Number(longitude) };
  });
}

async function lines(file: string): Promise<string[]> {
  const text = (await inflate(await readFile(new URL(file, DATA)))).toString('utf8');
  return text.trimEnd().split('\n').slice(1);
}

/** The fields of a CSV line (RFC 4180): commas may stand inside quotes. */
function fields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    (match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? '',
  );
}
