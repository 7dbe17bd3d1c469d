declare module 'git-url-parse' {
  /** The part of it that is used here. */
  export default function parse(address: string): { full_name: string };
}
