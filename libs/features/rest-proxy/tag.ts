/** The tag of every route of the contract in the OpenAPI document. */
export const TAG = 'Confluent REST Proxy';
