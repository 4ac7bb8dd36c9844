/** The media type of bodies that reach their route as a stream. */
export const STREAMED_TYPE = 'application/x-ndjson';
