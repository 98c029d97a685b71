//! Removing keys from `policy.toml`: comments before a key are kept, before the next key, and an
//! empty table is removed as well.

use toml_edit::{Decor, DocumentMut, Item, RawString, Table, TableLike};

/// Removes a key from a table or from the top level; returns `None` if there is no such key.
pub(super) fn remove_key(
    document: &mut DocumentMut,
    table: Option<&str>,
    name: &str,
) -> Option<()> {
    let Some(table) = table else {
        let comments = remove_comments(document.as_table_mut(), name)?;
        move_down(document, name, &comments);
        document.as_table_mut().remove(name);
        return Some(());
    };
    let rules = document.get_mut(table)?.as_table_like_mut()?;
    let comments = remove_comments(rules, name)?;
    rules.remove(name);
    let is_empty = rules.is_empty();
    move_down(document, table, &comments);
    if is_empty && comments.is_empty() && document.get(table).is_some_and(has_no_comment) {
        remove_key(document, None, table)?;
    }
    Some(())
}

/// Moves the comments before an existing key to the next key of the table, removes the key, and
/// returns comments for which the table has no next key.
fn remove_comments(table: &mut dyn TableLike, key: &str) -> Option<String> {
    table.get(key)?;
    let comments = before(table, key).unwrap_or_default();
    let is_moved = comments.is_empty() || move_to_next(table, key, &comments);
    Some(if is_moved { String::new() } else { comments })
}

/// Moves comments to the next key of the file, or to its end.
fn move_down(document: &mut DocumentMut, key: &str, comments: &str) {
    if comments.is_empty() || move_to_next(document.as_table_mut(), key, comments) {
        return;
    }
    let trailing = document.trailing().as_str().unwrap_or_default();
    let joined = join(comments, trailing);
    document.set_trailing(joined);
}

/// Returns the text before a key or the heading of a table, if it contains a comment.
fn before(table: &dyn TableLike, key: &str) -> Option<String> {
    let decor = match table.get(key)? {
        Item::Table(below) if !below.is_dotted() => below.decor(),
        Item::Table(_) | Item::Value(_) | Item::ArrayOfTables(_) | Item::None => {
            table.key(key)?.leaf_decor()
        }
    };
    let prefix = decor.prefix()?.as_str()?;
    prefix.contains('#').then(|| prefix.to_owned())
}

/// Moves comments before the next key; returns `false` if there is none.
fn move_to_next(table: &mut dyn TableLike, key: &str, comments: &str) -> bool {
    let names = table.iter().map(|(name, _)| name.to_owned());
    let following: Vec<String> = names.skip_while(|name| name != key).skip(1).collect();
    following
        .iter()
        .any(|name| put_before(table, name, comments))
}

/// Puts comments before a key or the heading of a table; returns `false` if neither is written in
/// the file.
fn put_before(table: &mut dyn TableLike, key: &str, comments: &str) -> bool {
    match table.get_mut(key) {
        Some(Item::Value(_)) => {
            if let Some(mut key) = table.key_mut(key) {
                prepend(key.leaf_decor_mut(), comments);
                return true;
            }
            false
        }
        Some(Item::Table(below)) if is_headed(below) => {
            prepend(below.decor_mut(), comments);
            true
        }
        Some(Item::Table(below)) => {
            let names: Vec<String> = below.iter().map(|(name, _)| name.to_owned()).collect();
            names.iter().any(|name| put_before(below, name, comments))
        }
        Some(Item::ArrayOfTables(_) | Item::None) | None => false,
    }
}

/// Returns `true` if a table has a heading of its own.
fn is_headed(table: &Table) -> bool {
    !table.is_dotted() && !table.is_implicit()
}

fn prepend(decor: &mut Decor, comments: &str) {
    let prefix = decor.prefix().and_then(RawString::as_str);
    let joined = join(comments, prefix.unwrap_or_default());
    decor.set_prefix(joined);
}

/// Joins two texts with at most one empty line between them.
fn join(first: &str, second: &str) -> String {
    let second = if first.ends_with("\n\n") {
        second.trim_start_matches('\n')
    } else {
        second
    };
    format!("{first}{second}")
}

/// Returns `true` if an empty table may be removed: there is no comment in its heading or directly
/// above it. Comments further up belong to the file.
fn has_no_comment(item: &Item) -> bool {
    let Item::Table(table) = item else {
        return true;
    };
    let text = |raw: Option<&RawString>| {
        raw.and_then(RawString::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (prefix, suffix) = (text(table.decor().prefix()), text(table.decor().suffix()));
    let own = prefix
        .rsplit_once("\n\n")
        .map_or(prefix.as_str(), |(_, own)| own);
    !own.contains('#') && !suffix.contains('#')
}
