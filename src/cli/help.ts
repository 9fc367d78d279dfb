/** What `panda --help` prints. */
export const helpText = `panda: a name service on Nostr

  panda start [--config FILE] [--data DIR] [--port N]   run the service
  panda send METHOD [PARAMS] [--key FILE] [--url URL]   send a command or query: PARAMS is JSON, or @FILE with JSON
  panda pubkey [--data DIR]                             print the service's public key
  panda verify [--data DIR]                             fold the log again and compare every table
  panda relay import|export|sync|scan|delete|compact|stats
                                                        work on the relay's events; see panda relay --help
  panda clock confirm [--data DIR]                      accept a jump of the clock and let time go on
  panda dev pay INVOICE [--late] [--msat N]             pay an invoice of the development wallet
  panda dev fail CALL MODE [--times N]                  have the development wallet fail
  panda describe                                        print the protocol reference

  panda --help, panda --version

Configuration, each over the one before: defaults, the YAML file (--config or PANDA_CONFIG), variables
(PANDA_DATA, PANDA_PORT, PANDA_LISTEN_HOST and so on, after the keys in the file), flags.
config/panda.example.yaml shows every key.`
