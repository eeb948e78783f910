# bash completion of vmm(1). It asks the program, so it knows what that knows.

_vmm_words() # PROGRAM COMMAND: its options, one to a line
{
	"$1" "$2" --help 2>/dev/null |
		sed -n 's/^  *\(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p'
}

_vmm_values() # PROGRAM COMMAND OPTION: the words it takes, if they are listed
{
	"$1" "$2" --help 2>/dev/null |
		sed -n "s/^  *\(-., \)\{0,1\}$3 \([a-z0-9=-]*|[A-Za-z0-9|=-]*\)\( .*\)\{0,1\}$/\2/p" |
		tr '|' '\n' | sed 's/=[A-Z]*$/=/' | grep -v '[A-Z]'
}

_vmm_keys() # PROGRAM COMMAND OPTION: lines "key=values" of its help, if it has
{
	"$1" "$2" --help 2>/dev/null | sed -n "/^ *\(-., \)\{0,1\}$3[ [].*KEY=/,/^ \{2,6\}-/p" |
		sed -n 's/^ \{26\}\([a-z-]*=[^ ]*\) .*/\1/p'
}

_vmm_key() # PROGRAM COMMAND: a key of an option, or the value of one
{
	local i=$COMP_CWORD word=${COMP_WORDS[COMP_CWORD]} option key= words

	while [ "$i" -gt 2 ] && [ "${COMP_WORDS[i]#-}" = "${COMP_WORDS[i]}" ]; do
		i=$((i - 1))
	done
	option=${COMP_WORDS[i]}
	[ "$option" = -m ] && option=--mem
	if [ "$word" = = ]; then
		key=${COMP_WORDS[COMP_CWORD - 1]##*,} word=
	elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = = ]; then
		key=${COMP_WORDS[COMP_CWORD - 2]##*,}
	fi
	if [ -n "$key" ] && [ "${key#-}" = "$key" ]; then
		words=$(_vmm_keys "$1" "$2" "$option" | sed -n "s/^$key=//p" |
			tr '|' '\n' | grep -v '[A-Z]')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	else
		words=$(_vmm_keys "$1" "$2" "$option" | sed 's/=.*/=/')
		compopt -o nospace 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -P "${word%,*}," -W "$words" \
			-- "${word##*,}")
	fi
}

_vmm_takes_value() # PROGRAM COMMAND OPTION: does a value follow it?
{
	"$1" "$2" --help 2>/dev/null | grep -q "^  *\(-., \)\{0,1\}$3 [^ ]"
}

_vmm_takes_name() # PROGRAM COMMAND: does it want a virtual machine?
{
	"$1" "$2" --help 2>/dev/null | head -n 1 | grep -Eq ' \[?NAME(\]| |$)'
}

_vmm_disk_words() # PROGRAM: what `vmm disk` takes behind the name, if it is there
{
	local word words=()

	for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
		[ "${word#-}" = "$word" ] && words+=("$word")
	done
	case ${#words[@]} in
	0) "$1" list --names 2>/dev/null ;;
	1) echo resize ;;
	2) "$1" disk "${words[0]}" 2>/dev/null | sed -n '2,$s/ .*//p' ;;
	esac
}

_vmm()
{
	local cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]}
	local words

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ] ||
		{ [ "$command" = help ] && [ "${cur#-}" = "$cur" ]; }; then
		words=$("$program" help 2>/dev/null |
			sed -n 's/^  \([a-z]*\) .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	# An action is a word of its own; behind it come its options.
	if [ "$command" = snapshot ] && [ "$COMP_CWORD" -eq 2 ] &&
		[ "${cur#-}" = "$cur" ]; then
		mapfile -t COMPREPLY < <(compgen -W "create info verify merge" -- "$cur")
		return
	fi
	# A word behind a comma is a key; "key=value" reaches this as three words.
	case $cur${COMP_WORDS[COMP_CWORD - 1]}${COMP_WORDS[COMP_CWORD - 2]} in
	-*) ;;
	*,*)
		_vmm_key "$program" "$command"
		[ ${#COMPREPLY[@]} -gt 0 ] && return
		;;
	esac
	# "--option=value" reaches this as three words.
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $cur in
	-*)
		words=$(_vmm_words "$program" "$command")
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	esac
	if [ "${prev#--}" != "$prev" ] &&
		_vmm_takes_value "$program" "$command" "$prev"; then
		words=$(_vmm_values "$program" "$command" "$prev")
	elif [ "$command" = disk ]; then
		words=$(_vmm_disk_words "$program")
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	elif _vmm_takes_name "$program" "$command"; then
		words=$("$program" list --names 2>/dev/null)
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	if [ -n "$words" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _vmm vmm
