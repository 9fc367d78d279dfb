/** What `panda relay --help` prints. */
export const relayHelpText = `panda relay: the operator's tools for what the relay stores

  panda relay import [FILE]                 bring in events, one JSON object a line (default: standard input)
  panda relay export [options]              write events as JSON lines, oldest first
      --since T, --until T                  only from or up to this time (Unix seconds)
      --filter JSON                         only what this filter (NIP-01) asks for
      --reverse                             newest first
      --private                             with private messages, commands and results
  panda relay scan FILTER [--count]         write (or count) what a filter asks for, newest first
      --private                             as above
  panda relay delete [--filter JSON] [--age SECONDS] [--dry-run]
                                            remove what a filter asks for, or what is older; or only count it
  panda relay sync URL [--dir up|down|both] [--filter JSON]
                                            make this relay and another agree on what they store (NIP-77); private
                                            events are never given away
  panda relay compact FILE                  write a copy of data.mdb without free pages
  panda relay stats [--full] [--json]       what is stored: kinds, databases, space

  All take --config FILE and --data DIR, and work beside a running service or without one.
  Exit code: 0 done, 1 did not work or not to the end, 2 asked the wrong way.`
