/**
 * Text as it is compared with a list of words: without what cannot be seen, NFKC-normalised, case-folded, any white space
 * one space. Linear in the length of the text; the result may be several times as long.
 */
export function foldText(text: string): string {
  return text
    .replace(invisible, '')
    .replace(sentences, ' ')
    .replace(manyMarks, '$1')
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .replaceAll('i\u0307', 'i')
    .normalize('NFKC')
    .replaceAll('ς', 'σ')
    .replace(blanks, ' ')
}

/** Zero-width characters, soft hyphens, fillers, variation selectors, direction marks, and controls that are no space. */
const invisible = /(?:(?![\t-\r\u0085])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}])+/gu

/** With the two that no class of spaces has: next line, and the empty braille cell. */
const blanks = /[\s\u0085\u2800]+/gu

/** Two Arabic characters stand for 18 and 8 others, with which a text would grow too long. */
const sentences = /[\ufdfa\ufdfb]+/gu

/** No language has so many marks on a letter (UAX 15, stream-safe text), and normalising takes the square of their number. */
const manyMarks = /(\p{M}{30})\p{M}+/gu
