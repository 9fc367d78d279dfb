/**
 * Places for events on their way through verification, disk and delivery. All wait for those before them, which takes 200 µs
 * each; one address alone may have half of them, and what more it sends is read later.
 */
export const placesInAll = 1_800

/**
 * Places of an ordinary event of a client until it is on disk, unless a policy program is asked about it: three hundred keep
 * a disk that flushes within 20 ms as busy as a thousand would, and what is under way is what the garbage collector copies in
 * each of its pauses.
 */
export const placesOfEvent = 3
