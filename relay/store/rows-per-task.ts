/**
 * Rows of the database that one task of the writer removes or writes: with about so many it stops, and another goes on. They
 * take a few milliseconds, which is how long others wait (`writer.ts`). A single event may have seven times as many, a row for
 * each tag, and is removed as a whole.
 */
export const rowsPerTask = 300
