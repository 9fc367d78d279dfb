/** Whether a text can be written as UTF-8: it holds no lone surrogates. Node has had this method since version 20, its types not yet. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}
